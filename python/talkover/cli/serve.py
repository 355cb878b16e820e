"""Runs the server: settings in, one process serving HTTP and media."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from ..agent import Agent
from ..config import Settings
from ..engines.registry import Choice
from ..errors import ConfigError
from ..gateway.app import create_app
from ..media.port import MediaPort
from ..session.lobby import Lobby
from .load import LoadError, load_agents, source_of

log = structlog.get_logger("talkover.serve")

LOOK_S = 0.5
serving = False
"""A file with agent.run() at its end is imported by the very server that serves it."""


async def serve(settings: Settings, agents: Mapping[str, Agent], target: str | None = None) -> None:
    """Serve until stopped. ConfigError says what cannot be used."""
    certificate = _certificate(settings) if settings.tls else None
    listener = _listener(settings.host, settings.port)
    port = listener.getsockname()[1]
    try:
        media = MediaPort(
            settings.media_host or settings.host, settings.media_port, settings.public_ip
        )
    except OSError as error:
        raise ConfigError(
            f"The media port {settings.media_port} cannot be used ({error.strerror}); choose "
            "another with --media-port, or stop what has it."
        ) from None
    lobby = Lobby(
        media, agents, choice(settings),
        ourselves=port, most_calls=settings.most_calls, turns=settings.turns,
    )  # fmt: skip
    reloader = Reloader(lobby, target)
    scheme = "https" if certificate else "http"
    app = create_app(
        lobby,
        key=settings.key,
        trouble=reloader.trouble,
        on_start=lambda: _announce(f"{scheme}://{_shown_host(settings.host)}:{port}", lobby),
    )
    config = uvicorn.Config(
        app, log_level="warning", ws_max_size=24 * 1024 * 1024, ws_per_message_deflate=False,
        ssl_certfile=certificate, timeout_graceful_shutdown=3, lifespan="on",
    )  # fmt: skip
    async with reloader.watching(settings.reload):
        await uvicorn.Server(config).serve([listener])


def choice(settings: Settings) -> Choice:
    return Choice(
        llm=settings.llm,
        model=settings.model,
        api_key=settings.api_key,
        stt=settings.stt,
        tts=settings.tts,
        stt_model=settings.stt_model,
        tts_model=settings.tts_model,
        tts_voice=settings.voice or "alloy",
        openai=settings.openai,
    )


class Reloader:
    """New calls get new code; an error in it is told while the old code serves on."""

    def __init__(self, lobby: Lobby, target: str | None) -> None:
        self._lobby, self._target = lobby, target
        self._trouble: dict[str, Any] | None = None

    def trouble(self) -> dict[str, Any] | None:
        return self._trouble

    @contextlib.asynccontextmanager
    async def watching(self, wanted: bool) -> AsyncGenerator[None]:
        file = source_of(self._target) if wanted else None
        task = asyncio.create_task(self._watch(file)) if file is not None else None
        yield
        if task is not None:
            task.cancel()

    async def _watch(self, file: Path) -> None:
        seen = _stamp(file)
        while True:
            await asyncio.sleep(LOOK_S)
            now = _stamp(file)
            if now != seen and now is not None:
                seen = now
                await self.load()

    async def load(self) -> None:
        """Read the agents again."""
        try:
            self._lobby.serve(load_agents(self._target))
            await self._lobby.warm()
            self._trouble = None
            log.info("reloaded", agents=self._lobby.agents)
        except ConfigError as error:
            where = (error.file, error.line) if isinstance(error, LoadError) else (None, None)
            self._trouble = {"message": error.message, "file": where[0], "line": where[1]}
            log.error("the agent could not be loaded; the old one serves on", error=error.message)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise ConfigError(
            f"The port {port} cannot be used ({error.strerror}); choose another with --port, or "
            "stop what has it."
        ) from None
    return listener


def _certificate(settings: Settings) -> str:
    from .certificate import development_certificate

    return development_certificate(settings.host)


def _shown_host(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def _announce(url: str, lobby: Lobby) -> None:
    print(f"\n  Talkover listens at {url}\n", file=sys.stderr)
    for info in lobby.infos:
        kind = "scripted demo" if info.demo else "real"
        leaves = "leaves this machine" if info.leaves_machine else "stays on this machine"
        what = "text" if info.role == "llm" else "audio" if info.role == "stt" else "text"
        print(
            f"  {info.role}  {info.name} ({kind}), {info.where}; {what} {leaves}", file=sys.stderr
        )
    for trouble in lobby.troubles:
        print(f"  !    {trouble.message}", file=sys.stderr)
    print(file=sys.stderr, flush=True)
