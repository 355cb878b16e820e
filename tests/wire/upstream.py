"""A provider of speech to speech: a real WebSocket server that says what a test tells it to."""

from __future__ import annotations

import array
import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

PATIENCE_S = 20.0


class Upstream:
    """`calls` are the connections that came, oldest first. `lasts_s`: what it says of its own end,
    and keeps to where nobody hung up before."""

    def __init__(self, lasts_s: float | None = None) -> None:
        self.calls: list[Call] = []
        self.lasts_s = lasts_s
        self._more = asyncio.Event()
        self.url = ""

    async def call(self, number: int = 0) -> Call:
        """The `number`-th connection, once it has been set up."""
        call = await self.came(number)
        await call.got("session.update")
        return call

    async def came(self, number: int) -> Call:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.calls) <= number:
                self._more.clear()
                await self._more.wait()
        return self.calls[number]

    async def handle(self, socket: ServerConnection) -> None:
        call = Call(socket)
        session: dict[str, Any] = {"id": "sess_upstream"}
        if self.lasts_s is not None:
            session["expires_at"] = time.time() + self.lasts_s
        await call.send("session.created", session=session)
        self.calls.append(call)
        self._more.set()
        try:
            async with asyncio.timeout(self.lasts_s):
                await call.read()
        except TimeoutError:
            await socket.close(1001, "the session has reached its longest time")


class Call:
    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.got_all: list[dict[str, Any]] = []
        self._more = asyncio.Event()

    async def read(self) -> None:
        try:
            async for data in self.socket:
                message = json.loads(data)
                self.got_all.append(message)
                if message["type"] == "session.update":
                    await self.send("session.updated", session=message["session"])
                self._more.set()
        except ConnectionClosed:
            pass

    async def send(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def got(self, type: str, number: int = 0) -> dict[str, Any]:
        """The `number`-th message of a type."""
        async with asyncio.timeout(PATIENCE_S):
            while len(found := self.of(type)) <= number:
                self._more.clear()
                await self._more.wait()
        return found[number]

    def of(self, type: str) -> list[dict[str, Any]]:
        return [message for message in self.got_all if message["type"] == type]

    async def say(self, item: str, text: str, seconds: float) -> None:
        """Words, then their sound, all at once, as fast models do."""
        await self.begin(item, text, seconds)
        await self.done()

    async def begin(self, item: str, text: str, seconds: float) -> None:
        """The same, and it is not done with it."""
        await self.send("response.output_audio_transcript.delta", item_id=item, delta=text)
        tone = array.array("h", [8000, -8000] * 1200).tobytes()
        for _ in range(round(seconds * 10)):
            audio = base64.b64encode(tone).decode()
            await self.send("response.output_audio.delta", item_id=item, delta=audio)

    async def done(self, *output: dict[str, Any]) -> None:
        response = {"status": "completed", "output": list(output)}
        await self.send("response.done", response=response)

    async def user(self, item: str, words: str) -> None:
        await self.send("input_audio_buffer.committed", item_id=item)
        await self.send(
            "conversation.item.input_audio_transcription.completed", item_id=item, transcript=words
        )


@asynccontextmanager
async def upstream(lasts_s: float | None = None) -> AsyncIterator[Upstream]:
    provider = Upstream(lasts_s)
    server: Server
    async with serve(provider.handle, "127.0.0.1", 0) as server:
        provider.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"
        yield provider
