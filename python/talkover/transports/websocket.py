"""Realtime over a WebSocket to Talkover's own gateway, in PCM or in Opus."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import deque
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ..media.port import OpusDecoder, opus
from .client import ANSWER_S, Ways, cancelled
from .clip import RATE, Clip
from .playback import Playback

FRAME_S = 0.02
FRAME = round(RATE * FRAME_S) * 2
MOST_EVENT = 4 * 1024 * 1024
PING_S = 20.0


class WebSocketPcm:
    """The client's side; the microphone is always on, as in a call. PCM goes as base64 in JSON."""

    def __init__(self, ways: Ways) -> None:
        self.playback = Playback()
        self.failed: str | None = None
        self._url = f"ws://127.0.0.1:{ways.http}/v1/realtime"
        self._saying: deque[str | bytes] = deque()
        (self._quiet,) = self._messages(bytes(FRAME))
        self._next = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        # Sound does not get smaller by deflate, only later.
        self._socket = await connect(
            self._url, compression=None, max_size=MOST_EVENT, open_timeout=ANSWER_S,
            ping_interval=PING_S, ping_timeout=ANSWER_S,
        )  # fmt: skip
        await self._begin(self._socket)
        self._next = time.monotonic()
        self._tasks = [
            asyncio.create_task(self._speak(self._socket)),
            asyncio.create_task(self._listen(self._socket)),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            await cancelled(task)
        await self._socket.close()

    def say(self, clip: Clip) -> float:
        self._saying = deque(self._messages(clip.pcm))
        return self._next

    def cut_in(self, now: float) -> None:
        self.playback.stop(now)

    async def _begin(self, socket: ClientConnection) -> None:
        """What is agreed on before the first sound."""

    def _messages(self, pcm: bytes) -> list[str | bytes]:
        """One for each 20 ms of the caller's voice."""
        frames = (pcm[n : n + FRAME].ljust(FRAME, b"\0") for n in range(0, len(pcm), FRAME))
        audio = (base64.b64encode(frame).decode() for frame in frames)
        return [json.dumps({"type": "input_audio_buffer.append", "audio": one}) for one in audio]

    async def _speak(self, socket: ClientConnection) -> None:
        """A frame leaves when its last sample was spoken."""
        try:
            while True:
                message = self._saying.popleft() if self._saying else self._quiet
                self._next += FRAME_S
                await asyncio.sleep(self._next - time.monotonic())
                await socket.send(message)
        except ConnectionClosed as error:
            self.failed = str(error)

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            async for message in socket:
                self._take(message)
        except ConnectionClosed as error:
            self.failed = str(error)

    def _take(self, message: str | bytes) -> None:
        event: dict[str, Any] = json.loads(message)
        match event["type"]:
            case "response.created":
                self.playback.listen()
            case "response.output_audio.delta":
                self.playback.take(base64.b64decode(event["delta"]), RATE, time.monotonic())
            case "error":
                self.failed = event["error"]["message"]
            case _:
                pass


class WebSocketOpus(WebSocketPcm):
    """The same with `audio/opus`: a binary message for each packet of 20 ms, both ways."""

    async def __aenter__(self) -> Self:
        self._decoder = OpusDecoder()
        return await super().__aenter__()

    async def _begin(self, socket: ClientConnection) -> None:
        format = {"format": {"type": "audio/opus"}}
        session = {"type": "realtime", "audio": {"input": format, "output": format}}
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        async with asyncio.timeout(ANSWER_S):
            while json.loads(await socket.recv())["type"] != "session.updated":
                pass

    def _messages(self, pcm: bytes) -> list[str | bytes]:
        return [*opus(pcm)]

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            super()._take(message)
        else:
            self.playback.take(self._decoder.push(message), RATE, time.monotonic())
