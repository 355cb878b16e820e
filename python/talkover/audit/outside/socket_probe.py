"""A WebSocket endpoint: handshake, ping, a client that does not read, and a while of silence."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from dataclasses import replace
from typing import cast
from urllib.parse import urljoin, urlsplit

import websockets
from websockets.asyncio.client import ClientConnection, connect

from .bounds import Bounds, Spent
from .exchange import failed
from .seen import SocketSeen

MESSAGE = '{"type":"talkover.audit","padding":"' + "a" * 16000 + '"}'
MOST_UNREAD = 12 * 1024 * 1024
"""Sent at most while nothing is read."""
STALL_S = 1.0
"""A server that takes nothing for so long holds the sender back, as it should."""
UNREAD_S = 6.0
PING_S = 5.0
LOOK_S = 0.05
KERNEL_BUFFER = 32 * 1024
SEGMENT = 536

FAILURES = (websockets.WebSocketException, TimeoutError, OSError, Spent, ValueError, EOFError)


class _Here(connect):
    """Follows no redirect: only the host that the user named is contacted."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


async def socket_seen(bounds: Bounds, url: str) -> SocketSeen:
    """Two connections, one after the other. Never raises for what a server does."""
    seen = SocketSeen(url)
    try:
        seen = await _calm(bounds, seen)
        if seen.garbage:
            return seen
        return await _unread(bounds, seen)
    except websockets.InvalidStatus as error:
        status, location = error.response.status_code, error.response.headers.get("Location")
        if location is not None and 300 <= status < 400:
            return replace(seen, away=urljoin(url, location), status=status)
        return replace(seen, status=status)
    except FAILURES as error:
        return replace(seen, failure=failed(error))


def _connect(bounds: Bounds, url: str, narrow: socket.socket | None = None) -> _Here:
    return _Here(
        url, sock=narrow, ssl=bounds.verify if url.startswith("wss:") else None, proxy=None,
        user_agent_header=bounds.agent, max_size=4 * 1024 * 1024, max_queue=4,
        additional_headers=[(k, v) for k, v in bounds.headers().items() if k != "User-Agent"],
        # Where what is sent is counted, it may not shrink on the way.
        compression="deflate" if narrow is None else None,
        open_timeout=None, close_timeout=1.0, ping_interval=None,
    )  # fmt: skip


async def _calm(bounds: Bounds, seen: SocketSeen) -> SocketSeen:
    """What a client sees that says nothing."""
    began = time.perf_counter()
    async with bounds.step(seconds=10.0 + bounds.idle_s + PING_S):
        async with asyncio.timeout(10.0):
            line = await _connect(bounds, seen.url)
        seen = replace(
            seen,
            handshake_ms=(time.perf_counter() - began) * 1000,
            deflate=any(one.name == "permessage-deflate" for one in line.protocol.extensions),
        )
        try:
            seen = replace(seen, ping_ms=await _ping(line, min(PING_S, bounds.left_s / 4)))
            seen = await _idle(line, seen, min(bounds.idle_s, bounds.left_s / 2))
            return replace(seen, garbage=line.protocol.parser_exc is not None)
        finally:
            await _gone(line)


async def _ping(line: ClientConnection, seconds: float) -> float | None:
    try:
        async with asyncio.timeout(seconds):
            pong = cast("asyncio.Future[float]", await line.ping())
            # Behind messages that nobody takes it would never be read.
            while not pong.done():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(line.recv(), LOOK_S)
            return pong.result() * 1000
    except (TimeoutError, websockets.ConnectionClosed):
        return None


async def _read(line: ClientConnection) -> int:
    """Take all that comes, until the end; how many bytes."""
    size = 0
    try:
        async for message in line:
            size += len(message)
    except websockets.ConnectionClosed:
        pass
    return size


async def _idle(line: ClientConnection, seen: SocketSeen, seconds: float) -> SocketSeen:
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            await _read(line)
    except TimeoutError:
        return replace(seen, idle_waited_s=seconds)
    return replace(seen, idle_waited_s=seconds, idle_closed_s=time.monotonic() - began)


async def _unread(bounds: Bounds, seen: SocketSeen) -> SocketSeen:
    """Send and read nothing; then see how much the server had kept for us."""
    async with bounds.step(seconds=2 * UNREAD_S + 10.0):
        async with asyncio.timeout(10.0):
            line = await _connect(bounds, seen.url, await _narrow(seen.url))
        try:
            line.transport.pause_reading()
            sent = await _pushed(line)
            line.transport.resume_reading()
            return replace(seen, unread_sent=sent, unread_kept=await _kept(line))
        finally:
            await _gone(line)


async def _narrow(url: str) -> socket.socket:
    """A TCP connection on which the kernels of both sides keep little, so that what a server keeps
    is its own doing: short segments keep its kernel's send buffer small, too."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    narrow = socket.socket(family, kind, protocol)
    narrow.setblocking(False)
    try:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)
        narrow.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        await loop.sock_connect(narrow, address)
    except BaseException:
        narrow.close()
        raise
    return narrow


async def _pushed(line: ClientConnection) -> int:
    """How many bytes the server took before it took no more."""
    sent, end = 0, time.monotonic() + UNREAD_S
    try:
        while sent < MOST_UNREAD and time.monotonic() < end:
            async with asyncio.timeout(STALL_S):
                await line.send(MESSAGE)
            sent += len(MESSAGE)
    except (TimeoutError, websockets.ConnectionClosed):
        pass
    return sent


async def _kept(line: ClientConnection) -> int:
    """What comes now, without anything more being asked."""
    size, end = 0, time.monotonic() + UNREAD_S
    try:
        while time.monotonic() < end:
            async with asyncio.timeout(STALL_S):
                size += len(await line.recv())
    except (TimeoutError, websockets.ConnectionClosed):
        pass
    return size


async def _gone(line: ClientConnection) -> None:
    try:
        async with asyncio.timeout(2.0):
            await line.close()
    except (TimeoutError, OSError, websockets.WebSocketException):
        line.transport.abort()
