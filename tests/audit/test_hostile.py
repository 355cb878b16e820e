"""Whatever a server sends or withholds, an audit ends within its bound and says so."""

from __future__ import annotations

import asyncio
import time

import pytest
from audit.serving import Raw, look, raw, upgraded

BOUND_S = 1.5
LOADED_S = 20.0
"""A busy machine may take so much longer, and a hang far more."""


async def endless_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"a" * 1000 + b"\r\n")
        await writer.drain()


async def endless_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        writer.write(b"a" * 65536)
        await writer.drain()


async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def endless_interim(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.write(bytes(range(256)) * 40)
    await writer.drain()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def wrong_lengths(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\nabc")
    await writer.drain()
    await reader.read(-1)


async def frames_of_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await upgraded(reader, writer)
    while True:
        writer.write(bytes(range(256)))
        await writer.drain()


HOSTILE = [
    endless_headers, endless_body, trickle, endless_interim, silence, garbage, hang_up,
    wrong_lengths, frames_of_garbage,
]  # fmt: skip


@pytest.mark.parametrize("url", ["http://{}/", "ws://{}/", "http://{}/whip", "http://{}/v1"])
@pytest.mark.parametrize("handle", HOSTILE, ids=lambda handle: handle.__name__)
async def test_an_audit_ends_within_its_bound(handle: Raw, url: str):
    async with raw(handle) as port:
        began = time.monotonic()
        report = await look(url.format(f"127.0.0.1:{port}"), seconds=BOUND_S)
    assert time.monotonic() - began < BOUND_S + LOADED_S
    assert report.findings or report.notes
