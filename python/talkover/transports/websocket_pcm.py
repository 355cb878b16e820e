"""Realtime over a WebSocket: PCM as base64 in JSON both ways, to Talkover's own gateway."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from .client import ANSWER_S, Ways, cancelled
from .clip import RATE, Clip
from .playback import Playback

FRAME_S = 0.02
FRAME = round(RATE * FRAME_S) * 2
MOST_EVENT = 4 * 1024 * 1024


class WebSocketPcm:
    """The client's side; the microphone is always on, as in a call."""

    def __init__(self, ways: Ways) -> None:
        self.playback = Playback()
        self.failed: str | None = None
        self._url = f"ws://127.0.0.1:{ways.http}/v1/realtime"
        self._saying = b""
        self._next = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        # Sound does not get smaller by deflate, only later.
        self._socket = await connect(
            self._url, compression=None, max_size=MOST_EVENT, open_timeout=ANSWER_S,
            ping_interval=None,
        )  # fmt: skip
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
        self._saying = clip.pcm
        return self._next

    def cut_in(self, now: float) -> None:
        self.playback.stop(now)

    async def _speak(self, socket: ClientConnection) -> None:
        """A frame leaves when its last sample was spoken."""
        try:
            while True:
                frame, self._saying = self._saying[:FRAME], self._saying[FRAME:]
                self._next += FRAME_S
                await asyncio.sleep(self._next - time.monotonic())
                audio = base64.b64encode(frame.ljust(FRAME, b"\0")).decode()
                event = {"type": "input_audio_buffer.append", "audio": audio}
                await socket.send(json.dumps(event))
        except ConnectionClosed as error:
            self.failed = str(error)

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                self._take(json.loads(text))
        except ConnectionClosed as error:
            self.failed = str(error)

    def _take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "response.created":
                self.playback.listen()
            case "response.output_audio.delta":
                self.playback.take(base64.b64decode(event["delta"]), RATE, time.monotonic())
            case "error":
                self.failed = event["error"]["message"]
            case _:
                pass
