"""Speech to speech behind the OpenAI Realtime protocol over WebSocket; another Talkover is one."""

from __future__ import annotations

import array
import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any, cast
from urllib.parse import quote, urlsplit

from ...errors import EngineError
from ..base import (
    Answered,
    DialogueEvent,
    Ends,
    EngineInfo,
    Opening,
    Spoken,
    ToolCall,
    UserSpeaks,
    UserTurn,
    UserWords,
)
from ..deadline import STALL_S
from .socket import Socket, dial, receive, send, understood
from .uplink import Uplink
from .upstream import LOOPBACK

READY_S = 5.0
TRANSCRIPTION = "gpt-4o-mini-transcribe"


class Realtime:
    """The model decides who has the floor, by its own voice detection."""

    def __init__(
        self, url: str, model: str | None, api_key: str | None, voice: str | None,
        stall_s: float = STALL_S,
    ) -> None:  # fmt: skip
        host = urlsplit(url).hostname or url
        self._shown = f"--s2s {url}"
        self._url = f"{url}?model={quote(model)}" if model else url
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._voice, self._stall_s = voice, stall_s
        self.info = EngineInfo(
            model or "speech to speech", "s2s", host, leaves_machine=host not in LOOPBACK
        )

    async def warm(self) -> None:
        socket = await dial(self._url, self._headers, self._shown)
        await socket.close()

    async def close(self) -> None:
        pass

    async def open(self, opening: Opening) -> RealtimeDialogue:
        socket = await dial(self._url, self._headers, self._shown)
        dialogue = RealtimeDialogue(socket, self._shown, self._stall_s)
        try:
            async with asyncio.timeout(READY_S):
                await dialogue.begin(opening, opening.voice or self._voice)
        except TimeoutError:
            await dialogue.close()
            raise EngineError(
                f"{self._shown} took the call and began no session.", code="engine_stalled"
            ) from None
        except EngineError:
            await dialogue.close()
            raise
        return dialogue


class RealtimeDialogue:
    resume = None
    """Its sessions end with their connections."""

    def __init__(self, socket: Socket, shown: str, stall_s: float) -> None:
        self._socket, self._shown, self._stall_s = socket, shown, stall_s
        self._uplink = Uplink(self._sound)
        self._rate = Upsampler()
        self._ends: float | None = None
        """Unix seconds."""
        self._responds = False
        """It was asked, or has begun, and is not done."""
        self._called: set[str] = set()

    async def begin(self, opening: Opening, voice: str | None) -> None:
        """Set the session up and tell it what was said before. EngineError."""
        created = await self._until("session.created")
        with understood(self._shown):
            session: dict[str, Any] = created.get("session") or {}
            ends = session.get("expires_at")
        self._ends = ends if isinstance(ends, int | float) and ends > 0 else None
        await self._send("session.update", session=_session(opening, voice))
        await self._until("session.updated")
        for message in opening.history:
            await self.tell(_without_pictures(message))

    def feed(self, pcm: bytes) -> None:
        self._uplink.feed(pcm)

    async def events(self) -> AsyncGenerator[DialogueEvent]:
        if self._ends is not None:
            yield Ends(max(0.0, self._ends - time.time()))
        while (message := await self._receive()) is not None:
            with understood(self._shown):
                events = list(_events(message, self._shown))
            match message.get("type"):
                case "response.created":
                    self._responds = True
                case "response.done":
                    self._responds = False
                case _:
                    pass
            for event in events:
                if isinstance(event, ToolCall):
                    self._called.add(event.id)
                yield event

    async def update(self, instructions: str, tools: list[dict[str, Any]]) -> bool:
        session = {"type": "realtime", "instructions": instructions, "tools": _tools(tools)}
        await self._send("session.update", session=session)
        return True

    async def tell(self, message: dict[str, Any]) -> None:
        for item in _items(message):
            await self._send("conversation.item.create", item=item)

    async def result(self, call: ToolCall, output: str) -> None:
        if call.id not in self._called:
            asked = {"call_id": call.id, "name": call.name, "arguments": call.arguments}
            await self._send("conversation.item.create", item={"type": "function_call", **asked})
        item = {"type": "function_call_output", "call_id": call.id, "output": output}
        await self._send("conversation.item.create", item=item)

    async def ask(self, instructions: str | None = None) -> None:
        response = {} if instructions is None else {"instructions": instructions}
        self._responds = True
        await self._send("response.create", response=response)

    async def truncate(self, item: str | None, heard_ms: int) -> None:
        if self._responds:
            await self._send("response.cancel")
        if item is not None:
            await self._send(
                "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=heard_ms
            )

    async def close(self) -> None:
        self._uplink.close()
        await self._socket.close()

    async def _receive(self) -> dict[str, Any] | None:
        return await receive(self._socket, self._shown, self._stall_s if self._responds else None)

    async def _sound(self, pcm: bytes) -> None:
        audio = base64.b64encode(self._rate.push(pcm)).decode()
        await self._send("input_audio_buffer.append", audio=audio)

    async def _send(self, type: str, **fields: Any) -> None:
        await send(self._socket, self._shown, {"type": type, **fields})

    async def _until(self, type: str) -> dict[str, Any]:
        while (message := await receive(self._socket, self._shown)) is not None:
            if message.get("type") == type:
                return message
            if message.get("type") == "error":
                raise EngineError(f"{self._shown} failed: {_reason(message)}")
        raise EngineError(f"{self._shown} hung up before {type}.", code="engine_gone")


def _session(opening: Opening, voice: str | None) -> dict[str, Any]:
    pcm = {"type": "audio/pcm", "rate": 24000}
    output: dict[str, Any] = {"format": pcm} | ({"voice": voice} if voice else {})
    return {
        "type": "realtime",
        "instructions": opening.instructions,
        "output_modalities": ["audio"],
        "tools": _tools(opening.tools),
        "audio": {
            "input": {
                "format": pcm,
                "transcription": {"model": TRANSCRIPTION, "language": opening.language},
            },
            "output": output,
        },
    }


def _tools(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "function", **tool["function"]} for tool in tools]


def _items(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A chat message as items of the protocol."""
    role = message["role"]
    if role == "tool":
        call = {"call_id": message["tool_call_id"], "output": str(message["content"])}
        yield {"type": "function_call_output", **call}
        return
    content = list(_content(message.get("content"), role))
    if content:
        yield {"type": "message", "role": role, "content": content}
    calls: list[dict[str, Any]] = message.get("tool_calls") or []
    for call in calls:
        yield {"type": "function_call", "call_id": call["id"], **call["function"]}


def _content(content: Any, role: str) -> Iterator[dict[str, Any]]:
    kind = "output_text" if role == "assistant" else "input_text"
    one: list[dict[str, Any]] = [{"type": "text", "text": content}]
    parts = cast("list[dict[str, Any]]", content) if isinstance(content, list) else one
    for part in parts:
        if part["type"] == "image_url":
            yield {"type": "input_image", "image_url": part["image_url"]["url"]}
        elif part["text"]:
            yield {"type": kind, "text": str(part["text"])}


def _without_pictures(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    parts = cast("list[dict[str, Any]]", content)
    return message | {"content": [part for part in parts if part["type"] == "text"]}


def _events(message: dict[str, Any], shown: str) -> Iterator[DialogueEvent]:
    item = str(message.get("item_id") or "")
    match message.get("type"):
        case "response.output_audio.delta":
            yield Spoken(item, pcm=base64.b64decode(message["delta"]))
        case "response.output_audio_transcript.delta":
            yield Spoken(item, text=str(message["delta"]))
        case "input_audio_buffer.speech_started":
            yield UserSpeaks()
        case "input_audio_buffer.committed":
            yield UserTurn(item)
        case "conversation.item.input_audio_transcription.completed":
            yield UserWords(item, str(message.get("transcript") or "").strip())
        case "response.done":
            yield from _done(message.get("response") or {}, shown)
        case "error" if _fatal(message):
            raise EngineError(f"{shown} failed: {_reason(message)}")
        case _:
            pass


def _done(response: dict[str, Any], shown: str) -> Iterator[DialogueEvent]:
    if response.get("status") == "failed":
        details: dict[str, Any] = response.get("status_details") or {}
        raise EngineError(f"{shown} could not answer: {_reason(details)}")
    output: list[dict[str, Any]] = response.get("output") or []
    calls = [item for item in output if item.get("type") == "function_call"]
    for call in calls:
        yield ToolCall(str(call["call_id"]), str(call["name"]), str(call.get("arguments") or "{}"))
    if not calls:
        yield Answered()


def _fatal(message: dict[str, Any]) -> bool:
    """A wrong event of ours leaves the session as it was; anything else is the server's."""
    error: dict[str, Any] = message.get("error") or {}
    return error.get("type") != "invalid_request_error"


def _reason(message: dict[str, Any]) -> str:
    error: dict[str, Any] = message.get("error") or {}
    return str(error.get("message") or error.get("code") or "no reason given")[:300]


class Upsampler:
    """16 kHz as 24 kHz: of two samples three, by straight lines (pure)."""

    def __init__(self) -> None:
        self._rest = array.array("h")

    def push(self, pcm: bytes) -> bytes:
        """What can be told by now: whole pairs whose next sample is known."""
        samples = self._rest + array.array("h", pcm)
        pairs = max(0, (len(samples) - 1) // 2)
        first, second, third = samples[0::2], samples[1::2], samples[2::2]
        out = array.array("h", bytes(6 * pairs))
        out[0::3] = first[:pairs]
        out[1::3] = array.array(
            "h", [(a + 2 * b) // 3 for a, b in zip(first[:pairs], second[:pairs], strict=True)]
        )
        out[2::3] = array.array(
            "h", [(2 * b + c) // 3 for b, c in zip(second[:pairs], third[:pairs], strict=True)]
        )
        self._rest = samples[2 * pairs :]
        return out.tobytes()
