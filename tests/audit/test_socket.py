"""WebSocket endpoints, each with one flaw, and a good one."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import websockets
from audit.serving import Request, found, http, look, raw, upgraded, whole
from websockets.asyncio.server import ServerConnection, serve

from talkover.cli.certificate import development_certificate

Talk = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def talking(talk: Talk, **options: Any) -> AsyncIterator[str]:
    settings: dict[str, Any] = {"compression": None, "close_timeout": 0.5, **options}
    async with serve(talk, "127.0.0.1", 0, **settings) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/talk"


async def echo(socket: ServerConnection) -> None:
    """Reads on only when what it says has been taken."""
    async for message in socket:
        await socket.send(message)


async def hoard(socket: ServerConnection) -> None:
    """Keeps what is not taken, however much it is."""

    async def say(message: str | bytes) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            await socket.send(message)

    kept: list[asyncio.Task[None]] = []
    async for message in socket:
        kept.append(asyncio.create_task(say(message)))
    await asyncio.gather(*kept)


async def leave(socket: ServerConnection) -> None:
    await (await socket.ping())


async def test_a_good_socket_raises_no_alarm():
    async with talking(echo) as url:
        report = await look(url)
    assert found(report) == set()
    assert dict(report.facts)["silent socket"].startswith("still open")


async def test_what_is_kept_without_end_for_who_does_not_read_is_found():
    async with talking(hoard) as url:
        report = await look(url)
    assert found(report) == {"buffer-unbounded"} and report.severe


async def test_compressed_sound_is_found():
    async with talking(echo, compression="deflate") as url:
        report = await look(url)
    assert found(report) == {"deflate-on-audio"}


async def test_a_silent_socket_that_is_closed_is_found():
    async with talking(leave) as url:
        report = await look(url, idle_s=5.0)
    assert "idle-closed" in found(report) and report.severe


async def test_pings_without_a_pong_are_found():
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgraded(reader, writer)
        await reader.read(-1)

    async with raw(deaf) as port:
        report = await look(f"ws://127.0.0.1:{port}/talk", seconds=4.0)
    assert "ping-unanswered" in found(report)


async def test_a_slow_handshake_is_found():
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)
        await upgraded(reader, writer)
        await reader.read(-1)

    async with raw(slow) as port:
        report = await look(f"ws://127.0.0.1:{port}/talk", seconds=3.0)
    assert "handshake-slow" in found(report)


async def test_garbage_after_the_handshake_is_no_socket():
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgraded(reader, writer)
        writer.write(b"\xff\xff\xff\xff garbage")
        await reader.read(-1)

    async with raw(garbage) as port:
        report = await look(f"ws://127.0.0.1:{port}/talk", seconds=4.0)
    assert found(report) == {"socket-broken"}


@pytest.mark.parametrize(("status", "rules"), [(404, {"socket-broken"}), (401, set[str]())])
async def test_a_refused_handshake_is_told(status: int, rules: set[str]):
    async def refuse(_: Request, writer: asyncio.StreamWriter) -> None:
        await whole(writer, b"no", status)

    async with http(refuse) as port:
        report = await look(f"ws://127.0.0.1:{port}/talk")
    assert found(report) == rules
    assert bool(report.notes) != bool(rules)


async def test_a_redirect_is_told_and_not_followed():
    async def away(_: Request, writer: asyncio.StreamWriter) -> None:
        await whole(writer, b"", 302, Location="ws://localhost:9/elsewhere")

    async with http(away) as port:
        report = await look(f"ws://127.0.0.1:{port}/talk")
    assert found(report) == set() and "ws://localhost:9/elsewhere" in report.notes[0]


async def test_a_good_socket_over_tls_raises_no_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    certificate = development_certificate("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with talking(echo, ssl=context) as url:
        verify = ssl.create_default_context(cafile=str(certificate))
        report = await look(url.replace("ws:", "wss:"), verify=verify)
    assert found(report) == set()
