"""Speech to speech by Gemini Live over WebSocket (`BidiGenerateContent`, Live API reference)."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, cast

from ...errors import ConfigError, EngineError
from ..base import DialogueEvent, EngineInfo, Opening, Provider, ToolCall, Wanted
from ..deadline import STALL_S
from .gemini_turns import Turns
from .socket import Socket, dial, receive, send, understood
from .uplink import Uplink

URL = (
    "wss://generativelanguage.googleapis.com/ws/"
    "google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
)
MODEL = "gemini-3.8-live"
SHOWN = "--s2s gemini"
READY_S = 5.0
NUDGE = "Please answer."
"""Has it speak where nothing new was written: its wire has no message for that alone."""

_numbers = itertools.count(1)
"""Of all dialogues: one may play out what another one said."""

Dial = Callable[[str, Mapping[str, str], str], Awaitable[Socket]]


class Gemini:
    """The model decides who has the floor, by its own voice detection."""

    def __init__(
        self, key: str, model: str = MODEL, voice: str | None = None, url: str = URL,
        stall_s: float = STALL_S, dial: Dial = dial,
    ) -> None:  # fmt: skip
        # A key in the URL would be in every log between here and there.
        self._headers = {"x-goog-api-key": key}
        self._model, self._voice, self._url, self._stall_s = model, voice, url, stall_s
        self._dial = dial
        self.info = EngineInfo(model, "s2s", "generativelanguage.googleapis.com",
                               leaves_machine=True)  # fmt: skip

    async def warm(self) -> None:
        await (await self.open(Opening("", [], []))).close()

    async def close(self) -> None:
        pass

    async def open(self, opening: Opening) -> GeminiDialogue:
        if opening.resume is not None:
            try:
                return await self._open(opening, opening.resume)
            except EngineError as error:
                if error.code == "engine_unreachable":
                    raise
                # Handles run out; the history says the same in more words.
        return await self._open(opening, None)

    async def _open(self, opening: Opening, handle: str | None) -> GeminiDialogue:
        socket = await self._dial(self._url, self._headers, SHOWN)
        history = [] if handle else _contents(opening.history)
        setup = _setup(opening, self._model, opening.voice or self._voice, handle, bool(history))
        try:
            await _set_up(socket, setup)
            if history:
                content = {"turns": history, "turnComplete": True}
                await send(socket, SHOWN, {"clientContent": content})
        except BaseException:
            await socket.close()
            raise
        return GeminiDialogue(socket, self._stall_s)


class GeminiDialogue:
    def __init__(self, socket: Socket, stall_s: float) -> None:
        self._socket, self._stall_s = socket, stall_s
        self._turns = Turns(f"gemini_{next(_numbers)}")
        self._called: set[str] = set()
        self._written: list[str] = []
        """Text is answered as soon as it is sent, so it waits until an answer is wanted."""
        self._uplink = Uplink(self._sound)

    @property
    def resume(self) -> str | None:
        return None if self._written else self._turns.resume

    def feed(self, pcm: bytes) -> None:
        self._uplink.feed(pcm)

    async def events(self) -> AsyncGenerator[DialogueEvent]:
        turns = self._turns
        try:
            while (message := await self._receive()) is not None:
                with understood(SHOWN):
                    events = list(turns.take(message))
                for event in events:
                    if isinstance(event, ToolCall):
                        self._called.add(event.id)
                    yield event
        except EngineError:
            for event in turns.end():
                yield event
            raise
        for event in turns.end():
            yield event

    async def update(self, instructions: str, tools: list[dict[str, Any]]) -> bool:
        return False

    async def tell(self, message: dict[str, Any]) -> None:
        for part in _parts(message.get("content")):
            if "text" in part:
                self._written.append(part["text"])
            else:
                await self._input(video=part["inlineData"])

    async def result(self, call: ToolCall, output: str) -> None:
        if call.id not in self._called:
            self._written.append(f"{call.name} gave: {output}")
            return
        given = {"id": call.id, "name": call.name, "response": {"output": output}}
        # The last one has it go on by itself.
        self._turns.prompt()
        await send(self._socket, SHOWN, {"toolResponse": {"functionResponses": [given]}})

    async def ask(self, instructions: str | None = None) -> None:
        text = "\n".join([*self._written, *([instructions] if instructions else [])])
        self._written.clear()
        if not text and self._turns.waiting:
            return
        self._turns.prompt()
        await self._input(text=text or NUDGE)

    async def truncate(self, item: str | None, heard_ms: int) -> None:
        """It keeps what it had sent, and has no message for this."""

    async def close(self) -> None:
        self._uplink.close()
        await self._socket.close()

    async def _receive(self) -> dict[str, Any] | None:
        return await receive(self._socket, SHOWN, self._stall_s if self._turns.waiting else None)

    async def _sound(self, pcm: bytes) -> None:
        data = base64.b64encode(pcm).decode()
        await self._input(audio={"mimeType": "audio/pcm;rate=16000", "data": data})

    async def _input(self, **one: Any) -> None:
        await send(self._socket, SHOWN, {"realtimeInput": one})


async def _set_up(socket: Socket, setup: dict[str, Any]) -> None:
    try:
        async with asyncio.timeout(READY_S):
            await send(socket, SHOWN, {"setup": setup})
            while (message := await receive(socket, SHOWN)) is not None:
                if "setupComplete" in message:
                    return
    except TimeoutError:
        raise EngineError(
            f"{SHOWN} took the call and began no session.", code="engine_stalled"
        ) from None
    except EngineError as error:
        # A bad key is only told of as it hangs up.
        if "API key" in error.message:
            raise EngineError(f"{SHOWN} refuses the key; check TALKOVER_GEMINI_KEY.") from None
        raise EngineError(f"{SHOWN} began no session: {error.message}", code=error.code) from None
    raise EngineError(f"{SHOWN} hung up before it began a session.", code="engine_gone")


def _setup(
    opening: Opening, model: str, voice: str | None, handle: str | None, history: bool
) -> dict[str, Any]:
    generation: dict[str, Any] = {"responseModalities": ["AUDIO"]}
    if voice:
        named = {"prebuiltVoiceConfig": {"voiceName": voice}}
        generation["speechConfig"] = {"voiceConfig": named}
    setup: dict[str, Any] = {
        "model": model if "/" in model else f"models/{model}",
        "generationConfig": generation,
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
        # Without it a session ends after a quarter of an hour.
        "contextWindowCompression": {"slidingWindow": {}},
        "sessionResumption": {"handle": handle} if handle else {},
    }
    if opening.instructions:
        setup["systemInstruction"] = {"parts": [{"text": opening.instructions}]}
    if opening.tools:
        declared = [_function(tool["function"]) for tool in opening.tools]
        setup["tools"] = [{"functionDeclarations": declared}]
    if history:
        # What comes first is what was said before, and answered by nobody.
        setup["historyConfig"] = {"initialHistoryInClientContent": True}
    return setup


def _function(function: dict[str, Any]) -> dict[str, Any]:
    declared = {k: function[k] for k in ("name", "description") if function.get(k)}
    parameters: dict[str, Any] = function.get("parameters") or {}
    # An object without properties is refused.
    return declared | ({"parametersJsonSchema": parameters} if parameters.get("properties") else {})


def _contents(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Chat messages as its turns, which alternate; pictures are left behind."""
    names: dict[str, str] = {}
    turns: list[dict[str, Any]] = []
    for message in history:
        role = "model" if message["role"] == "assistant" else "user"
        if message["role"] == "tool":
            id = message["tool_call_id"]
            response = {"output": str(message["content"])}
            given = {"id": id, "name": names.get(id, id), "response": response}
            parts: list[dict[str, Any]] = [{"functionResponse": given}]
        else:
            parts = [part for part in _parts(message.get("content")) if "text" in part]
        calls: list[dict[str, Any]] = message.get("tool_calls") or []
        for call in calls:
            function = call["function"]
            names[call["id"]] = function["name"]
            asked = {"id": call["id"], "name": function["name"], "args": _object(function)}
            parts.append({"functionCall": asked})
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        elif parts:
            turns.append({"role": role, "parts": parts})
    return turns


def _object(function: dict[str, Any]) -> dict[str, Any]:
    try:
        found: Any = json.loads(function.get("arguments") or "{}")
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _parts(content: Any) -> list[dict[str, Any]]:
    """A chat message's content as its parts. EngineError for a picture that is elsewhere."""
    if not isinstance(content, list):
        return [{"text": str(content)}] if content else []
    parts: list[dict[str, Any]] = []
    for part in cast("list[dict[str, Any]]", content):
        if part.get("type") == "text":
            parts.append({"text": str(part["text"])})
        elif part.get("type") == "image_url":
            head, _, data = str(part["image_url"]["url"]).partition(";base64,")
            if not head.startswith("data:") or not data:
                raise EngineError(f"{SHOWN} is shown pictures by data: URLs only.")
            parts.append({"inlineData": {"mimeType": head.removeprefix("data:"), "data": data}})
    return parts


def _s2s(wanted: Wanted) -> Gemini:
    if not wanted.api_key:
        raise ConfigError("--s2s gemini needs its key: set TALKOVER_GEMINI_KEY.")
    return Gemini(
        wanted.api_key, wanted.model or MODEL, wanted.voice, wanted.url or URL, wanted.stall_s
    )


PROVIDER = Provider("Gemini Live, speech to speech", {"s2s": _s2s})
