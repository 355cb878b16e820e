"""Opus over a socket: a binary message for each packet, beside the events."""

from __future__ import annotations

import asyncio
import base64
import json
from array import array
from collections.abc import MutableMapping
from typing import Any

from starlette.websockets import WebSocket
from wire.line import Line
from wire.test_input import told, tone

from talkover.gateway.converse import converse
from talkover.media.port import MediaPort, OpusDecoder, opus
from talkover.protocol.realtime import Codec

OPUS = {"format": {"type": "audio/opus"}}
HEARS = {"audio": {"input": OPUS | {"turn_detection": None}, "output": OPUS}}
PATIENCE_S = 20.0
Message = MutableMapping[str, Any]


class Wire:
    """Both ends of an accepted socket, without a network between."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.got: list[Message] = []
        self._more = asyncio.Event()
        self.socket = WebSocket({"type": "websocket"}, self.sent.get, self._take)

    async def accept(self) -> None:
        self.sent.put_nowait({"type": "websocket.connect"})
        await self.socket.accept()

    def say(self, *, text: str | None = None, binary: bytes | None = None) -> None:
        self.sent.put_nowait({"type": "websocket.receive", "text": text, "bytes": binary})

    async def until(self, kind: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while kind not in {event["type"] for event in self.events()}:
                self._more.clear()
                await self._more.wait()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(one["text"]) for one in self.got if one.get("text")]

    async def _take(self, message: Message) -> None:
        self.got.append(message)
        self._more.set()


async def test_a_packet_is_a_binary_message_both_ways(media: MediaPort) -> None:
    line, wire = Line(media, HEARS, ear=told("what", "time")), Wire()
    await wire.accept()
    codec = Codec(extensions=False, audio_events=True)
    talk = asyncio.create_task(converse(wire.socket, line.session, codec, own=True))
    for packet in opus(tone(1.0)):
        wire.say(binary=packet)
    for kind in ("input_audio_buffer.commit", "response.create"):
        wire.say(text=json.dumps({"type": kind}))
    await wire.until("response.done")
    wire.sent.put_nowait({"type": "websocket.disconnect", "code": 1000, "reason": ""})
    async with asyncio.timeout(PATIENCE_S):
        await talk
    decoder = OpusDecoder()
    sounds = [decoder.push(one["bytes"]) for one in wire.got if one.get("bytes")]
    assert {len(sound) for sound in sounds} == {960}
    loudest = max(max(map(abs, array("h", sound))) for sound in sounds)
    assert loudest > 1000
    assert "response.output_audio.delta" not in {event["type"] for event in wire.events()}
    assert line.llm.asked[0][-1]["content"] == "what time"


async def test_an_appended_packet_is_heard_and_what_is_none_is_refused(media: MediaPort) -> None:
    line = Line(media, HEARS | {"output_modalities": ["text"]}, ear=told("what", "time"))
    for packet in opus(tone(1.0)):
        line.append(packet)
    audio = base64.b64encode(b"\xff" * 9).decode()
    line.send("input_audio_buffer.append", audio=audio, event_id="mine")
    error = await line.error()
    assert (error["param"], error["event_id"]) == ("audio", "mine")
    line.send("input_audio_buffer.commit")
    line.send("response.create")
    await line.wait("response.done")
    assert line.llm.asked[0][-1]["content"] == "what time"
