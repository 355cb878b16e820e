"""A WebSocket endpoint: handshake, ping, a client that does not read, and a while of silence."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from socket import SO_RCVBUF, SOL_SOCKET
from typing import cast
from urllib.parse import urljoin

import websockets
from websockets.asyncio.client import ClientConnection, connect

from .bounds import Bounds, Spent
from .exchange import failed
from .seen import SocketSeen

MESSAGE = '{"type":"talkover.audit","padding":"' + "a" * 16000 + '"}'
MOST_UNREAD = 6 * 1024 * 1024
"""Sent at most while nothing is read."""
STALL_S = 1.0
"""A server that takes nothing for so long holds the sender back, as it should."""
UNREAD_S = 6.0
PING_S = 5.0
LOOK_S = 0.05
RECEIVE_BUFFER = 64 * 1024

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
        return await _unread(bounds, seen)
    except websockets.InvalidStatus as error:
        status, location = error.response.status_code, error.response.headers.get("Location")
        if location is not None and 300 <= status < 400:
            return replace(seen, away=urljoin(url, location), status=status)
        return replace(seen, status=status)
    except FAILURES as error:
        return replace(seen, failure=failed(error))


def _connect(bounds: Bounds, url: str) -> _Here:
    return _Here(
        url, ssl=bounds.verify if url.startswith("wss:") else None, proxy=None,
        user_agent_header=bounds.agent, max_size=4 * 1024 * 1024, max_queue=4,
        additional_headers=[(k, v) for k, v in bounds.headers().items() if k != "User-Agent"],
        open_timeout=None, close_timeout=1.0, ping_interval=None,
    )  # fmt: skip


async def _calm(bounds: Bounds, seen: SocketSeen) -> SocketSeen:
    """What a client sees that says nothing."""
    began = time.perf_counter()
    async with bounds.step(seconds=10.0 + bounds.idle_s + PING_S):
        async with asyncio.timeout(10.0):
            socket = await _connect(bounds, seen.url)
        seen = replace(
            seen,
            handshake_ms=(time.perf_counter() - began) * 1000,
            deflate=any(one.name == "permessage-deflate" for one in socket.protocol.extensions),
        )
        try:
            seen = replace(seen, ping_ms=await _ping(socket))
            return await _idle(socket, seen, min(bounds.idle_s, bounds.left_s / 2))
        finally:
            await _gone(socket)


async def _ping(socket: ClientConnection) -> float | None:
    try:
        async with asyncio.timeout(PING_S):
            pong = cast("asyncio.Future[float]", await socket.ping())
            # Behind messages that nobody takes it would never be read.
            while not pong.done():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(socket.recv(), LOOK_S)
            return pong.result() * 1000
    except (TimeoutError, websockets.ConnectionClosed):
        return None


async def _read(socket: ClientConnection) -> int:
    """Take all that comes, until the end; how many bytes."""
    size = 0
    try:
        async for message in socket:
            size += len(message)
    except websockets.ConnectionClosed:
        pass
    return size


async def _idle(socket: ClientConnection, seen: SocketSeen, seconds: float) -> SocketSeen:
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            await _read(socket)
    except TimeoutError:
        return replace(seen, idle_waited_s=seconds)
    return replace(seen, idle_waited_s=seconds, idle_closed_s=time.monotonic() - began)


async def _unread(bounds: Bounds, seen: SocketSeen) -> SocketSeen:
    """Send and read nothing; then see how much the server had kept for us."""
    async with bounds.step(seconds=2 * UNREAD_S + 10.0):
        async with asyncio.timeout(10.0):
            socket = await _connect(bounds, seen.url)
        try:
            _shrink(socket)
            socket.transport.pause_reading()
            sent = await _pushed(socket)
            socket.transport.resume_reading()
            return replace(seen, unread_sent=sent, unread_kept=await _kept(socket))
        finally:
            await _gone(socket)


def _shrink(socket: ClientConnection) -> None:
    # What the kernel keeps for us is no fault of the server's.
    raw = socket.transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER)


async def _pushed(socket: ClientConnection) -> int:
    """How many bytes the server took before it took no more."""
    sent, end = 0, time.monotonic() + UNREAD_S
    try:
        while sent < MOST_UNREAD and time.monotonic() < end:
            async with asyncio.timeout(STALL_S):
                await socket.send(MESSAGE)
            sent += len(MESSAGE)
    except (TimeoutError, websockets.ConnectionClosed):
        pass
    return sent


async def _kept(socket: ClientConnection) -> int:
    """What comes now, without anything more being asked."""
    size, end = 0, time.monotonic() + UNREAD_S
    try:
        while time.monotonic() < end:
            async with asyncio.timeout(STALL_S):
                size += len(await socket.recv())
    except (TimeoutError, websockets.ConnectionClosed):
        pass
    return size


async def _gone(socket: ClientConnection) -> None:
    try:
        async with asyncio.timeout(2.0):
            await socket.close()
    except (TimeoutError, OSError, websockets.WebSocketException):
        socket.transport.abort()
