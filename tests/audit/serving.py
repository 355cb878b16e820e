"""Servers on loopback that behave as they are told, well or badly."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from talkover.audit.finding import Report
from talkover.audit.outside.bounds import Bounds
from talkover.audit.outside.look import Kind, kind_of, outside
from talkover.audit.outside.seen import SpokenSeen

Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Request:
    number: int
    """Counts from 0 over all connections."""
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def raw(handle: Raw, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve connections by hand; the port."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A server that is closed cancels what it still answers.
        gone = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*gone):
            await handle(reader, writer)
        writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@contextlib.asynccontextmanager
async def http(answer: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve HTTP/1.1; connections are kept until `answer` closes its writer."""
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        while not writer.is_closing():
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            pairs = (line.split(": ", 1) for line in head[1:] if ": " in line)
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            number, count = count, count + 1
            await answer(Request(number, method, path, headers, body), writer)

    async with raw(handle, context) as port:
        yield port


async def whole(
    writer: asyncio.StreamWriter, body: bytes, status: int = 200, **headers: str
) -> None:
    """An answer in one piece; `_` in a header's name is a hyphen."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()


async def pieces(
    writer: asyncio.StreamWriter, each: AsyncIterator[bytes], kind: str, **headers: str
) -> None:
    """A streamed answer, chunked."""
    lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    async for piece in each:
        writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def look(
    url: str,
    *,
    seconds: float = 20.0,
    idle_s: float = 0.3,
    model: str | None = None,
    data: bytes | None = None,
    kind: Kind | None = None,
    verify: ssl.SSLContext | None = None,
) -> Report:
    """An audit of a URL, without a spoken call."""

    async def talk(_: str) -> SpokenSeen:
        return SpokenSeen(20.0, failure="nobody speaks here.")

    bounds = Bounds(
        url, seconds, verify or ssl.create_default_context(), "talkover-audit/test",
        (("Authorization", "Bearer a-key"),), idle_s,
    )  # fmt: skip
    return await outside(
        bounds, url, kind=kind or kind_of(url, model), model=model, data=data,
        data_kind="application/json", talk=talk,
    )  # fmt: skip


def found(report: Report) -> set[str]:
    return {finding.rule.id for finding in report.findings}


async def upgraded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A WebSocket's handshake, if one was asked for (RFC 6455 §4.2.2)."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in head[1:] if ": " in line)
    key = next((value for name, value in pairs if name.lower() == "sec-websocket-key"), "")
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n\r\n".encode()
    )
    await writer.drain()
