"""Those who watch a call, in processes of their own, so that what is measured is the server.

A WebSocket client takes longer to read an event than the server to send it, and a hundred of them
in one loop read one after the other. These note when bytes came, and look for the events in them
once it is quiet again.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import AsyncGenerator
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

TEXT, CLOSE, PING = 1, 8, 9
PONG = bytes((0x8A, 0x84, 0, 0, 0, 0))
"""For a ping of four bytes, as the server's are, with a mask that leaves them as they are."""

LATER_S = 0.05


class Watcher(asyncio.Protocol):
    """`arrived`: when each event was here, on the machine's clock."""

    def __init__(self, host: str, path: str) -> None:
        self._ask = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: d2F0Y2hpbmcgYSBjYWxsLg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self._came: list[tuple[float, bytes]] = []
        self._unread = bytearray()
        self.arrived: list[float] = []
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._ask.encode())

    def data_received(self, data: bytes) -> None:
        if not self._came:
            asyncio.get_running_loop().call_later(LATER_S, self._look)
        self._came.append((time.monotonic(), data))

    def _look(self) -> None:
        for came, data in self._came:
            self._unread += data
            if self.opened.done() or self._answered():
                self._events(came)
        self._came.clear()

    def _events(self, came: float) -> None:
        while (frame := self._frame()) is not None:
            kind, payload = frame
            if kind == TEXT:
                self.arrived.append(came)
            elif kind == PING:
                self._transport.write(PONG + payload)
            elif kind == CLOSE:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._look()
        for future in (self.opened, self.over):
            if not future.done():
                future.set_result(None)

    def _answered(self) -> bool:
        head, end, rest = bytes(self._unread).partition(b"\r\n\r\n")
        if end:
            assert b" 101 " in head, head
            self._unread[:] = rest
            self.opened.set_result(None)
        return bool(end)

    def _frame(self) -> tuple[int, bytes] | None:
        unread = self._unread
        if len(unread) < 2:
            return None
        size, at = unread[1], 2
        if size > 125:
            at = 4 if size == 126 else 10
            size = int.from_bytes(unread[2:at], "big")
        if len(unread) < at + size:
            return None
        kind, payload = unread[0] & 15, bytes(unread[at : at + size])
        del unread[: at + size]
        return kind, payload


async def _watch(url: str, count: int, pipe: Connection) -> None:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(
            lambda: Watcher(parts.netloc, f"{parts.path}?{parts.query}"), parts.hostname, parts.port
        ))[1]
        for _ in range(count)
    ]  # fmt: skip
    await asyncio.gather(*(one.opened for one in made))
    pipe.send(None)
    await asyncio.gather(*(one.over for one in made))
    pipe.send([one.arrived for one in made])


def _main(url: str, count: int, pipe: Connection) -> None:
    asyncio.run(_watch(url, count, pipe))


@contextlib.asynccontextmanager
async def watching(url: str, watchers: int, processes: int) -> AsyncGenerator[list[list[float]]]:
    """They watch within the block, in which the call has to end; then, what each has noted."""
    context = multiprocessing.get_context("spawn")
    shares = [len(range(n, watchers, processes)) for n in range(processes)]
    pipes = [context.Pipe() for _ in shares]
    children = [
        context.Process(target=_main, args=(url, share, theirs), daemon=True)
        for share, (_, theirs) in zip(shares, pipes, strict=True)
    ]
    for child in children:
        child.start()
    for ours, _ in pipes:
        await asyncio.to_thread(ours.recv)
    noted: list[list[float]] = []
    yield noted
    for ours, _ in pipes:
        noted += await asyncio.to_thread(ours.recv)
    for child in children:
        child.join()
