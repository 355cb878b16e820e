"""Which engines are meant: names and URLs to engines."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
from dataclasses import dataclass, replace

from ..errors import ConfigError, EngineError, TalkoverError
from ..tool_server import ToolServer
from .base import Endpointer, Engine, EngineInfo, Llm, Stt, Tools, Tts
from .remote.chat import ChatModel
from .remote.speech import RemoteVoice
from .remote.transcription import Transcription
from .remote.upstream import Upstream
from .smart_turn.endpointer import SmartTurn

OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the configuration and the agent say; None is the embedded demo."""

    llm: str | None = None
    model: str | None = None
    api_key: str | None = None
    stt: str | None = None
    tts: str | None = None
    stt_model: str | None = None
    tts_model: str | None = None
    tts_voice: str | None = None
    openai: bool = False
    smart_turn: str | None = None
    """An end-of-turn model beside the three: "auto", or its file."""


@dataclass(frozen=True, slots=True)
class Engines:
    stt: Stt
    llm: Llm
    tts: Tts
    endpointer: Endpointer | None = None

    @property
    def all(self) -> tuple[Engine, ...]:
        three = (self.stt, self.llm, self.tts)
        return three if self.endpointer is None else (*three, self.endpointer)

    @property
    def infos(self) -> list[EngineInfo]:
        return [engine.info for engine in self.all]

    async def warm(self) -> list[EngineError]:
        """Make all ready at once; what cannot be is told, not raised. ConfigError is raised."""
        results = await asyncio.gather(*(e.warm() for e in self.all), return_exceptions=True)
        troubles: list[EngineError] = []
        for result in results:
            if isinstance(result, EngineError):
                troubles.append(result)
            elif isinstance(result, TalkoverError):
                raise result
            elif isinstance(result, BaseException):
                troubles.append(EngineError(f"An engine did not start: {result}."))
        return troubles

    async def close(self) -> None:
        await asyncio.gather(*(engine.close() for engine in self.all))


def build(choice: Choice, ourselves: int | None = None) -> Engines:
    """Engines for a choice; nothing is started. `ourselves` is the port that we serve on.

    ConfigError says which setting cannot be used and what to do.
    """
    if choice.openai:
        if not choice.api_key:
            raise ConfigError("--openai needs a key: set TALKOVER_API_KEY or pass --api-key.")
        choice = replace(
            choice,
            llm=choice.llm or OPENAI,
            model=choice.model or "gpt-4.1-mini",
            stt=choice.stt or OPENAI,
            tts=choice.tts or OPENAI,
            stt_model=choice.stt_model or "gpt-4o-mini-transcribe",
            tts_model=choice.tts_model or "gpt-4o-mini-tts",
        )

    def upstream(url: str, role: str) -> Upstream:
        made = Upstream(url, choice.api_key, role)
        if ourselves is not None and made.port == ourselves and _is_ours(made.host):
            raise ConfigError(
                f"--{role} {url} is this very server; give the address of the engine itself."
            )
        return made

    return Engines(
        stt=_stt() if choice.stt is None
        else Transcription(upstream(choice.stt, "stt"), choice.stt_model or "whisper-1"),
        llm=_llm() if choice.llm is None else ChatModel(upstream(choice.llm, "llm"), choice.model),
        tts=fallback_voice(choice.tts_voice) if choice.tts is None
        else RemoteVoice(
            upstream(choice.tts, "tts"), choice.tts_model or "tts-1", choice.tts_voice or "alloy"
        ),
        endpointer=None if choice.smart_turn is None
        else SmartTurn(None if choice.smart_turn == "auto" else choice.smart_turn),
    )  # fmt: skip


def _stt() -> Stt:
    _need("pocketsphinx", "stt")
    from .demo.ear import PocketsphinxEar

    return PocketsphinxEar()


def fallback_voice(voice: str | None = None) -> Tts:
    """The demo's voice; it also apologizes when another voice cannot. ConfigError."""
    _need("espeakng_loader", "tts")
    from .demo.voice import EspeakVoice

    return EspeakVoice(voice)


def _llm() -> Llm:
    from .demo.script import ScriptedModel

    return ScriptedModel()


def _need(package: str, role: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise ConfigError(
            f"No --{role} is given, and the embedded demo is not installed: "
            f'pip install "talkover[demo]", or give --{role} URL.'
        )


def _is_ours(host: str) -> bool:
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
        own = {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None)}
    except OSError:
        return host in ("localhost", "127.0.0.1", "::1")
    return bool(found & (own | {"127.0.0.1", "::1", "0.0.0.0"}))


def tool_server(where: ToolServer) -> Tools:
    """The way to a server of tools. EngineError in use, where `talkover[mcp]` is missing."""
    from .mcp import McpConnection

    return McpConnection(where)
