"""Those who watch a call, in a process of their own, so that what is measured is the server.

A hundred watchers on one machine would read one after the other, and what they wait for each other
is not the server's: the system tells of each piece when it came (SO_TIMESTAMPNS), which is when a
watcher elsewhere would have been woken.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import selectors
import socket
import struct
from collections.abc import AsyncGenerator
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

STAMP = 35
"""SO_TIMESTAMPNS, Linux."""
TEXT, CLOSE, PING = 1, 8, 9
PONG = bytes((0x8A, 0x84, 0, 0, 0, 0))
"""For a ping of four bytes, as the server's are, with a mask that leaves them as they are."""
PATIENCE_S = 10.0


class Watcher:
    """`arrived`: when each event was on this machine, seconds of the system's clock."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), PATIENCE_S)
        self.socket.setsockopt(socket.SOL_SOCKET, STAMP, 1)
        self.socket.sendall(
            f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: d2F0Y2hpbmcgYSBjYWxsLg==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._unread = bytearray()
        while b"\r\n\r\n" not in self._unread:
            self._unread += self.socket.recv(4096)
        head, _, rest = bytes(self._unread).partition(b"\r\n\r\n")
        assert b" 101 " in head, head
        self._unread[:] = rest
        self.arrived: list[float] = []

    def read(self) -> bool:
        """What is there; False at the end."""
        data, beside, _, _ = self.socket.recvmsg(65536, 64)
        if not data:
            return False
        self._unread += data
        ((_, _, stamp),) = beside
        seconds, nanoseconds = struct.unpack("qq", stamp)
        while (frame := self._frame()) is not None:
            kind, payload = frame
            if kind == TEXT:
                self.arrived.append(seconds + nanoseconds / 1e9)
            elif kind == PING:
                self.socket.sendall(PONG + payload)
            elif kind == CLOSE:
                return False
        return True

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


def _main(url: str, count: int, pipe: Connection) -> None:
    made = [Watcher(url) for _ in range(count)]
    with selectors.DefaultSelector() as waiting:
        for one in made:
            waiting.register(one.socket, selectors.EVENT_READ, one)
        pipe.send(None)
        while waiting.get_map():
            for key, _ in waiting.select():
                if not key.data.read():
                    waiting.unregister(key.fileobj)
                    key.data.socket.close()
    pipe.send([one.arrived for one in made])


@contextlib.asynccontextmanager
async def watching(url: str, watchers: int) -> AsyncGenerator[list[list[float]]]:
    """They watch within the block, in which the call has to end; then, what each has noted."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_main, args=(url, watchers, theirs), daemon=True)
    child.start()
    await asyncio.to_thread(ours.recv)
    noted: list[list[float]] = []
    yield noted
    noted += await asyncio.to_thread(ours.recv)
    child.join()
