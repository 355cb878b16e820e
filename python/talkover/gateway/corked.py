"""A WebSocket whose frames of one moment leave in one write, and that takes frames made for many.

A fact is told in several events, and an answer begins with many: one system call each is most of
what they cost, and of the time until the last of those who watch a call is told. What is left of it
is the way of each text through a task, ASGI and a protocol's state, to the same bytes for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

FRAMES = "talkover.frames"
MOST = 4096
"""Bytes that are kept back: who reads them has something to do while more is written."""


class Corked(asyncio.Transport):
    """What is written in one round of the loop is sent in the next, in one piece."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._waiting = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._send)
        self._waiting += data
        if len(self._waiting) > MOST:
            self._send()

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, bytearray()
        if waiting and not self._transport.is_closing():
            self._transport.write(waiting)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()


class CorkedSocket(WebSocketsSansIOProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        self.transport = Corked(transport)

    async def run_asgi(self) -> None:
        self.scope["extensions"] = {
            **(self.scope.get("extensions") or {}),
            FRAMES: {"write": self._frames},
        }
        await super().run_asgi()

    def _frames(self, frames: bytes) -> bool:
        over = self.close_sent or self.disconnected
        if over or not (self.handshake_complete and self.writable.is_set()):
            return False
        self.transport.write(frames)
        return True


def frames_of(socket: WebSocket) -> Callable[[bytes], bool] | None:
    """Writes whole frames of an accepted socket at once; False where it cannot, as when its client
    has not read yet what went before. None where the server cannot do that at all."""
    return socket.scope.get("extensions", {}).get(FRAMES, {}).get("write")
