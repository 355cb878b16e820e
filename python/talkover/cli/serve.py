"""Runs the server: settings in, one process serving HTTP and media."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from .. import __version__
from ..agent import Agent
from ..cluster.base import SessionLog
from ..config import Loaded, Settings
from ..engines.registry import Choice
from ..errors import ConfigError
from ..gateway.ice import IceServers, ice_servers
from ..media.port import MediaPort
from ..session.limits import Limits
from ..session.lobby import Lobby
from ..session.recorder import Recordings
from .address import is_loopback, resolved
from .announce import announce, url_of
from .certificate import development_certificate
from .leaving import Leaving
from .load import Source
from .reload import Reloader
from .serving import Serving
from .store import Store, opened, state_folder

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ..observe.webhooks import Webhooks

log = structlog.get_logger("talkover.serve")

HANG_UP_S = 3
"""For HTTP requests under way when the server stops."""
BACKLOG = 2048
"""Connections that wait to be taken."""
SWITCH_S = 0.0002
"""For which the loop may keep the interpreter from the log's thread, which asks for it a dozen
times in a transaction; with Python's 5 ms, two of them passed before a written item was told."""


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
    sys.setswitchinterval(SWITCH_S)
    leaving = Leaving(settings.drain_seconds)
    ice = ice_servers(settings.stun_urls, settings.turn_urls, settings.turn_secret)
    certificate = development_certificate(settings.host) if settings.tls else None
    listener = _listener(settings.host, settings.port, beside=settings.replace)
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
    serving = Serving(state_folder(), port)
    if settings.replace:
        # The port is shared: as soon as this process listens there, callers come.
        try:
            await lobby.warm()
        except BaseException:
            await lobby.close()
            raise
    async with (
        _http(lobby, reloader, listener, certificate, key, ice, store, webhooks) as close_listener,
        _beside(None if webhooks is None else _telling(webhooks, lobby)),
        _beside(reloader.watch() if settings.reload else None),
    ):
        try:
            if not settings.replace:
                await lobby.warm()
            # What lives as long as the server is no business of the collector's, whose pauses grow
            # with all that it looks at.
            gc.collect()
            gc.freeze()
            url = url_of("https" if settings.tls else "http", settings.host, port, key)
            announce(url, lobby.infos, lobby.troubles, settings.record)
            with serving.told():
                for process in serving.replace() if settings.replace else ():
                    log.info("process told to move its calls here, and to stop", process=process)
                await leaving.asked()
                log.info("calls move elsewhere", calls=lobby.live, seconds=settings.drain_seconds)
                close_listener()
                await lobby.drain(settings.drain_seconds)
        finally:
            await lobby.close(leaving.how)


@contextlib.asynccontextmanager
async def _http(
    lobby: Lobby,
    reloader: Reloader,
    listener: socket.socket,
    certificate: Path | None,
    key: str | None,
    ice: IceServers,
    store: Store,
    webhooks: Webhooks | None,
) -> AsyncGenerator[Callable[[], None]]:
    """HTTP is served within the block, before the engines are ready and until calls have ended.

    Gives what stops listening: whoever asks anew then gets another process, if one listens on the
    port; sockets and answers under way go on.
    """
    import uvicorn

    from ..gateway.corked import CorkedSocket

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None]:
            # They are handled here, where calls can be ended first.
            yield

    app = _app(lobby, reloader, key, ice, store, webhooks)
    server = Server(
        uvicorn.Config(
            app, log_level="warning", ws=CorkedSocket, ws_max_size=24 * 1024 * 1024,
            ws_per_message_deflate=False, ssl_certfile=certificate,
            timeout_graceful_shutdown=HANG_UP_S, lifespan="off", backlog=BACKLOG,
        )
    )  # fmt: skip

    def close_listener() -> None:
        for each in server.servers:
            each.close()
        # A connection that is kept for further requests would bring them to this process.
        for each in list(server.server_state.connections):
            if not isinstance(each, CorkedSocket):
                each.shutdown()

    # Connections are taken from here on, and answered once the server's task has begun.
    listener.listen(BACKLOG)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield close_listener
    finally:
        server.should_exit = True
        await serving
        if store.bus is not None:
            await store.bus.close()


def _app(
    lobby: Lobby, reloader: Reloader, key: str | None, ice: IceServers, store: Store,
    webhooks: Webhooks | None,
) -> ASGIApp:  # fmt: skip
    """All that is answered over HTTP, by this server or another one of the same store."""
    from ..gateway.app import create_app
    from ..gateway.elsewhere import Elsewhere
    from ..observe.observatory import Observatory, tracing
    from ..observe.subjects import Subjects

    bus = store.bus
    observatory = Observatory(
        lobby, tracing(os.environ),
        webhooks=lambda: 0 if webhooks is None else webhooks.waiting,
        untold=lambda: 0 if bus is None else bus.dropped,
    )  # fmt: skip
    app = create_app(
        lobby, observatory, store.secrets,
        key=key, ice=ice, trouble=reloader.trouble, bus=bus,
    )  # fmt: skip
    if bus is None:
        return app
    bus.load = lambda: lobby.load
    lobby.observers.append(lambda session: Subjects(bus, session).begin())
    return Elsewhere(app, bus, lobby)


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None] | None) -> AsyncGenerator[None]:
    """Runs it within the block, if there is any."""
    task = None if work is None else asyncio.create_task(work)
    try:
        yield
    finally:
        if task is not None:
            task.cancel()


def _telling(webhooks: Webhooks, lobby: Lobby) -> Coroutine[Any, Any, None]:
    """Calls are told of; what is not told by the end is told by the next process."""
    lobby.observers.append(lambda session: session.stream.attach(webhooks.take))
    return webhooks.run()


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
            for name in ("deepgram", "elevenlabs", "gemini")
            if (key := getattr(settings, f"{name}_key"))
        ),
    )


def _listener(host: str, port: int, *, beside: bool) -> socket.socket:
    """`beside`: another process of the same user may have the port already.

    Every server lets another one in later (SO_REUSEPORT, which the kernel grants to the same user
    alone), but none comes in where one is without having been told to.
    """
    address = resolved(host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # Only of sockets that say that they are TCP does asyncio switch off Nagle's delay.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if beside:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"The port {port} of {host} cannot be used ({error.strerror}); choose another with "
            "--port, stop what has it, or take its place with --replace."
        ) from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
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
    port = settings.media_port
    # The process to be replaced has it until its calls are gone.
    spare = settings.replace and 0 < port < 65535
    try:
        try:
            return MediaPort(host, port, settings.public_ip, threads=_cores())
        except OSError:
            if not spare:
                raise
            return MediaPort(host, port + 1, settings.public_ip, threads=_cores())
    except ValueError as error:
        raise ConfigError(f"--public-ip: {error}") from None
    except OSError as error:
        raise ConfigError(
            f"The media port {port} of {host} cannot be used ({error}); choose "
            "another with --media-port, or stop what has it."
        ) from None
