"""Runs the server: settings in, one process serving HTTP and media."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from .. import __version__
from ..agent import Agent
from ..cluster.base import SessionLog
from ..config import Loaded, Settings
from ..engines.registry import Choice
from ..errors import ConfigError
from ..gateway.ice import IceServers, ice_servers
from ..media.port import MediaPort
from ..protocol.facts import How
from ..session.limits import Limits
from ..session.lobby import Lobby
from ..session.recorder import Recordings
from .address import is_loopback, resolved
from .announce import announce, url_of
from .certificate import development_certificate
from .load import Source
from .reload import Reloader
from .store import Store, opened

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ..observe.webhooks import Webhooks

HANG_UP_S = 3
"""For HTTP requests under way when the server stops."""


def run(loaded: Loaded, source: Source, agents: Mapping[str, Agent]) -> None:
    """Serve until SIGINT or SIGTERM; blocks. ConfigError says what cannot be used."""
    for warning in loaded.warnings:
        print(f"talkover: {warning}", file=sys.stderr)
    # What callers say is told at the debug level only, and that is off; nor does a traceback show
    # it, as the usual one does with its values of all variables.
    renderer = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(
        processors=[*structlog.get_config()["processors"][:-1], renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(serve(loaded.settings, agents, source))


async def serve(
    settings: Settings, agents: Mapping[str, Agent], source: Source | None = None
) -> None:
    """Serve until cancelled; `source` is where the agents come from again. ConfigError."""
    how: list[How] = []
    _cancel_on_signals(how)
    ice = ice_servers(settings.stun_urls, settings.turn_urls, settings.turn_secret)
    certificate = development_certificate(settings.host) if settings.tls else None
    listener = _listener(settings.host, settings.port)
    port = listener.getsockname()[1]
    key = settings.key
    if key is None and not is_loopback(settings.host):
        # Without one, only this machine would be let in.
        key = secrets.token_urlsafe(18)
    store = await opened(settings)
    webhooks = _webhooks(settings, store.sessions)
    lobby = Lobby(
        _media(settings), agents, choice(settings), store.sessions,
        ourselves=port, most_calls=settings.most_calls, limits=_limits(settings),
        turns=settings.turns, recordings=_recordings(settings),
    )  # fmt: skip
    reloader = Reloader(lobby, source or Source(None))
    async with (
        _http(lobby, reloader, listener, certificate, key, ice, store),
        _telling(webhooks, lobby),
    ):
        try:
            await lobby.warm()
            # What lives as long as the server is no business of the collector's, whose pauses grow
            # with all that it looks at.
            gc.collect()
            gc.freeze()
            url = url_of("https" if settings.tls else "http", settings.host, port, key)
            announce(url, lobby.infos, lobby.troubles, settings.record)
            if settings.reload:
                await reloader.watch()
            await asyncio.Event().wait()
        finally:
            await lobby.close(*how)


@contextlib.asynccontextmanager
async def _http(
    lobby: Lobby,
    reloader: Reloader,
    listener: socket.socket,
    certificate: Path | None,
    key: str | None,
    ice: IceServers,
    store: Store,
) -> AsyncGenerator[None]:
    """HTTP is served within the block, before the engines are ready and until calls have ended."""
    import uvicorn

    from ..gateway.app import create_app
    from ..gateway.elsewhere import Elsewhere
    from ..observe.observatory import Observatory, tracing
    from ..observe.subjects import Subjects

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None]:
            # They are handled here, where calls can be ended first.
            yield

    observed = Observatory(lobby, tracing(os.environ))
    bus = store.bus
    app: ASGIApp = create_app(
        lobby, observed, store.secrets, key=key, ice=ice, trouble=reloader.trouble, bus=bus
    )  # fmt: skip
    if bus is not None:
        bus.load = lambda: lobby.load
        lobby.observers.append(lambda session: Subjects(bus, session).begin())
        app = Elsewhere(app, bus, lobby)
    server = Server(
        uvicorn.Config(
            app, log_level="warning", ws="websockets-sansio", ws_max_size=24 * 1024 * 1024,
            ws_per_message_deflate=False, ssl_certfile=certificate,
            timeout_graceful_shutdown=HANG_UP_S, lifespan="off",
        )
    )  # fmt: skip
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        if bus is not None:
            await bus.close()


@contextlib.asynccontextmanager
async def _telling(webhooks: Webhooks | None, lobby: Lobby) -> AsyncGenerator[None]:
    """Calls are told of within the block; what is not told by then is told by the next process."""
    if webhooks is None:
        yield
        return
    lobby.observers.append(lambda session: session.stream.attach(webhooks.take))
    telling = asyncio.create_task(webhooks.run())
    try:
        yield
    finally:
        telling.cancel()


def _cancel_on_signals(how: list[How]) -> None:
    """The first signal ends the calling task in good order, the second one the process.

    After SIGTERM another process goes on: `how` then says that the calls are not over.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stop(number: int) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
        if number == signal.SIGTERM:
            how.append("moved")
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)


def choice(settings: Settings) -> Choice:
    return Choice(
        llm=settings.llm,
        model=settings.model,
        api_key=settings.api_key,
        stt=settings.stt,
        tts=settings.tts,
        stt_model=settings.stt_model,
        tts_model=settings.tts_model,
        tts_voice=settings.voice,
        openai=settings.openai,
        smart_turn=settings.smart_turn,
        s2s=settings.s2s,
        stall_s=settings.stall_seconds,
        keys=tuple(
            (name, key)
            for name in ("deepgram", "elevenlabs")
            if (key := getattr(settings, f"{name}_key"))
        ),
    )


def _listener(host: str, port: int) -> socket.socket:
    address = resolved(host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # Only of sockets that say that they are TCP does asyncio switch off Nagle's delay.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"The port {port} of {host} cannot be used ({error.strerror}); choose another with "
            "--port, or stop what has it."
        ) from None
    return listener


def _recordings(settings: Settings) -> Recordings | None:
    if settings.record is None:
        return None
    return Recordings(Path(settings.record), {"talkover": __version__}, settings.record_days)


def _limits(settings: Settings) -> Limits:
    return Limits(
        settings.call_seconds, settings.idle_seconds, settings.most_calls_per_secret,
        settings.resume_seconds,
    )  # fmt: skip


def _webhooks(settings: Settings, sessions: SessionLog) -> Webhooks | None:
    if settings.webhook is None:
        return None
    # An HTTP client is much to load for who tells nobody.
    from ..observe.webhooks import Webhooks

    return Webhooks(sessions, settings.webhook, settings.webhook_secret)


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def _media(settings: Settings) -> MediaPort:
    host = resolved(settings.media_host or settings.host)
    try:
        return MediaPort(host, settings.media_port, settings.public_ip, threads=_cores())
    except ValueError as error:
        raise ConfigError(f"--public-ip: {error}") from None
    except OSError as error:
        raise ConfigError(
            f"The media port {settings.media_port} of {host} cannot be used ({error}); choose "
            "another with --media-port, or stop what has it."
        ) from None
