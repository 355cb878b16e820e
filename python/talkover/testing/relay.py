"""A bad network in user space: a UDP relay on loopback between callers and a server."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from typing import Self

from .weather import Link, Weather

HOST = "127.0.0.1"
_CANDIDATE = re.compile(r"a=candidate:.*\r\n")
_LARGEST = 2048

Address = tuple[str, int]


class Relay:
    """Forwards between callers and the server's media port at `port` on loopback.

    `with Relay(port, up, down, seed=1) as relay`: callers are given `relay.through(answer)` instead
    of the server's answer. `up` is the way to the server, `down` the way back; each caller has a
    socket of its own towards the server, as behind a NAT. On the running event loop's thread.
    """

    def __init__(
        self, port: int, up: Weather | None = None, down: Weather | None = None, *, seed: int = 0
    ) -> None:
        self._server: Address = (HOST, port)
        self.up, self.down = Link(up or Weather(), seed), Link(down or Weather(), seed + 1)
        self._far: dict[Address, socket.socket] = {}

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._near = self._open(self._read_callers)
        return self

    def __exit__(self, *_: object) -> None:
        self.rebind()
        self._close(self._near)

    @property
    def port(self) -> int:
        """Where callers send to."""
        return self._near.getsockname()[1]

    def through(self, answer: str) -> str:
        """The server's SDP answer with the relay as its only address."""
        here = f"a=candidate:1 1 udp 2130706175 {HOST} {self.port} typ host\r\n"
        return re.sub("(?=a=ice-ufrag:)", here, _CANDIDATE.sub("", answer), count=1)

    def black_out(self, seconds: float) -> None:
        """Nothing passes either way for so long."""
        for link in (self.up, self.down):
            link.black_out(self._loop.time() + seconds)

    def rebind(self) -> None:
        """The NAT forgets everybody: the server hears the next packets from other ports."""
        for far in self._far.values():
            self._close(far)
        self._far.clear()

    def _open(self, read: Callable[[socket.socket], None]) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.bind((HOST, 0))
        self._loop.add_reader(made, read, made)
        return made

    def _close(self, one: socket.socket) -> None:
        self._loop.remove_reader(one)
        one.close()

    def _read_callers(self, near: socket.socket) -> None:
        for data, caller in _packets(near):
            at = self.up.send(len(data), self._loop.time())
            if at is not None:
                self._loop.call_at(at, self._to_server, data, caller)

    def _to_server(self, data: bytes, caller: Address) -> None:
        if caller not in self._far:
            self._far[caller] = self._open(lambda far: self._read_server(far, caller))
        _send(self._far[caller], data, self._server)

    def _read_server(self, far: socket.socket, caller: Address) -> None:
        for data, _ in _packets(far):
            at = self.down.send(len(data), self._loop.time())
            if at is not None:
                self._loop.call_at(at, _send, self._near, data, caller)


def _packets(of: socket.socket) -> list[tuple[bytes, Address]]:
    """All that wait."""
    found: list[tuple[bytes, Address]] = []
    while True:
        try:
            found.append(of.recvfrom(_LARGEST))
        except ConnectionRefusedError:
            continue  # of an earlier send, to somebody who is gone
        except OSError:
            return found


def _send(by: socket.socket, data: bytes, to: Address) -> None:
    try:
        by.sendto(data, to)
    except OSError:
        return  # closed meanwhile, or full: a network loses packets
