"""Gemini Live as its reference documents it: a server that says what a test tells it to.

It serves real WebSockets by `handle`, and anything else that sends, closes and is iterated.
"""

from __future__ import annotations

import array
import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from talkover.engines.remote.gemini import Gemini

PATIENCE_S = 20.0
KEY = "gm-key"
TONE = array.array("h", [8000, -8000] * 1200).tobytes()
"""100 ms."""


class Socket(Protocol):
    async def send(self, message: bytes) -> None: ...
    async def close(self, code: int = 1000, reason: str = "") -> None: ...
    def __aiter__(self) -> AsyncIterator[str | bytes]: ...


class Service:
    """`calls` are the sessions that were set up, oldest first. `forgets`: no handle is good."""

    def __init__(self, *, forgets: bool = False) -> None:
        self.calls: list[Call] = []
        self.paths: list[str] = []
        self.url = ""
        self._forgets = forgets
        self._more = asyncio.Event()

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        if socket.request.headers["x-goog-api-key"] != KEY:
            await socket.close(1007, "API key not valid. Please pass a valid API key.")
            return
        await self.serve(socket)

    async def serve(self, socket: Socket) -> None:
        """One connection, until it ends."""
        call = Call(socket)
        try:
            async for data in socket:
                message = json.loads(data)
                assert len(message) == 1, "A message has exactly one field."
                call.got_all.append(message)
                if "setup" in message:
                    assert len(call.got_all) == 1, "The setup comes first, and once."
                    if self._forgets and message["setup"]["sessionResumption"].get("handle"):
                        await socket.close(1008, "session not found")
                        return
                    await call.send(setupComplete={})
                    self.calls.append(call)
                    self._more.set()
                call.more.set()
        except ConnectionClosed:
            pass

    async def call(self, number: int = 0) -> Call:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.calls) <= number:
                self._more.clear()
                await self._more.wait()
        return self.calls[number]


class Call:
    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.got_all: list[dict[str, Any]] = []
        self.more = asyncio.Event()

    async def send(self, **message: Any) -> None:
        # It sends its JSON in binary frames.
        await self.socket.send(json.dumps(message).encode())

    async def content(self, **content: Any) -> None:
        await self.send(serverContent=content)

    def of(self, kind: str) -> list[Any]:
        """Messages of a kind, or inputs: `realtimeInput.text`."""
        name, _, part = kind.partition(".")
        found = [message[name] for message in self.got_all if name in message]
        return [one[part] for one in found if part in one] if part else found

    async def got(self, kind: str, number: int = 0) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            while len(found := self.of(kind)) <= number:
                self.more.clear()
                await self.more.wait()
        return found[number]

    @property
    def setup(self) -> dict[str, Any]:
        return self.of("setup")[0]

    async def hear(self, *words: str) -> None:
        for word in words:
            await self.content(inputTranscription={"text": word})

    async def sound(self, seconds: float) -> None:
        data = base64.b64encode(TONE).decode()
        part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}
        for _ in range(round(seconds * 10)):
            await self.content(modelTurn={"parts": [part]})

    async def say(self, text: str, seconds: float) -> None:
        """Words, then their sound, all at once, as fast models do; and the turn's end."""
        await self.content(outputTranscription={"text": text})
        await self.sound(seconds)
        await self.content(generationComplete=True)
        await self.content(turnComplete=True)

    async def handle(self, name: str) -> None:
        await self.send(sessionResumptionUpdate={"newHandle": name, "resumable": True})


@asynccontextmanager
async def gemini(**options: bool) -> AsyncIterator[tuple[Service, Gemini]]:
    service = Service(**options)
    async with serve(service.handle, "127.0.0.1", 0) as server:
        service.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws/Bidi"
        yield service, Gemini(KEY, url=service.url)
