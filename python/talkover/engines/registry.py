"""Which engines are meant: names and URLs to engines."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from ..errors import ConfigError, EngineError, TalkoverError
from ..tool_server import ToolServer
from .base import (
    Endpointer,
    Engine,
    EngineInfo,
    Llm,
    Role,
    SpeechToSpeech,
    Stt,
    Tools,
    Tts,
    Wanted,
)  # fmt: skip
from .deadline import STALL_S, Patience
from .fallback import Chain, LlmChain, SttChain, TtsChain
from .providers import known, make
from .smart_turn.endpointer import SmartTurn
from .unheard import NoEar, NoModel

__all__ = ["Choice", "Engines", "build", "fallback_voice", "known"]

DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the configuration and the agent say; None is the embedded demo.

    `llm`, `stt` and `tts` are names or URLs; of several, with commas between them, each stands in
    for those before it. `keys`: (provider's name, its key).
    """

    llm: str | None = None
    model: str | None = None
    api_key: str | None = None
    stt: str | None = None
    tts: str | None = None
    stt_model: str | None = None
    tts_model: str | None = None
    tts_voice: str | None = None
    openai: bool = False
    s2s: str | None = None
    """Speech to speech in the place of the three; the voice only apologizes then."""
    smart_turn: str | None = None
    """An end-of-turn model beside the three: "auto", or its file."""
    stall_s: float = STALL_S
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Engines:
    stt: Stt
    llm: Llm
    tts: Tts
    endpointer: Endpointer | None = None
    s2s: SpeechToSpeech | None = None

    @property
    def all(self) -> tuple[Engine, ...]:
        three = (self.stt, self.llm, self.tts) if self.s2s is None else (self.s2s, self.tts)
        return three if self.endpointer is None else (*three, self.endpointer)

    @property
    def infos(self) -> list[EngineInfo]:
        return [
            info
            for engine in self.all
            for info in (engine.infos if isinstance(engine, Chain) else [engine.info])
        ]

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
        choice = _with_openai(choice)
    patience = Patience(choice.stall_s)

    def made(role: Role, names: str, model: str | None, voice: str | None = None) -> list[Any]:
        engines: list[Any] = []
        for spec in _specs(names):
            _refuse_ourselves(role, spec, ourselves)
            wanted = Wanted(role, spec, api_key=_key(spec, choice), stall_s=choice.stall_s)
            # Models and voices are named for the first; another server has others.
            engines.append(make(wanted if engines else replace(wanted, model=model, voice=voice)))
        return engines

    if choice.s2s is not None:
        models = made("s2s", choice.s2s, choice.model, choice.tts_voice)
        if len(models) != 1:
            raise ConfigError(f"--s2s {choice.s2s}: name one; a conversation has one model.")
        return Engines(NoEar(), NoModel(), fallback_voice(), s2s=models[0])
    return Engines(
        stt=_stt() if choice.stt is None
        else SttChain(made("stt", choice.stt, choice.stt_model), patience),
        llm=_llm() if choice.llm is None
        else LlmChain(made("llm", choice.llm, choice.model), patience),
        tts=fallback_voice(choice.tts_voice) if choice.tts is None
        else TtsChain(made("tts", choice.tts, choice.tts_model, choice.tts_voice), patience),
        endpointer=None if choice.smart_turn is None
        else SmartTurn(None if choice.smart_turn == "auto" else choice.smart_turn),
    )  # fmt: skip


def fallback_voice(voice: str | None = None) -> Tts:
    """The demo's voice; it also apologizes when another voice cannot. ConfigError."""
    return make(Wanted("tts", DEMO, voice=voice))


def _stt() -> Stt:
    return make(Wanted("stt", DEMO))


def _llm() -> Llm:
    return make(Wanted("llm", DEMO))


def _with_openai(choice: Choice) -> Choice:
    if not choice.api_key:
        raise ConfigError("--openai needs a key: set TALKOVER_API_KEY or pass --api-key.")
    return replace(
        choice,
        llm=choice.llm or "openai",
        model=choice.model or "gpt-4.1-mini",
        stt=choice.stt or "openai",
        tts=choice.tts or "openai",
        stt_model=choice.stt_model or "gpt-4o-mini-transcribe",
        tts_model=choice.tts_model or "gpt-4o-mini-tts",
    )


def _key(spec: str, choice: Choice) -> str | None:
    """The general key is for OpenAI-compatible servers; nobody else is shown it."""
    name = spec.partition("#")[0]
    return choice.api_key if "://" in spec or name == "openai" else dict(choice.keys).get(name)


def _specs(names: str) -> Iterator[str]:
    return filter(None, (name.strip() for name in names.split(",")))


def _refuse_ourselves(role: Role, spec: str, ourselves: int | None) -> None:
    if ourselves is None or "://" not in spec:
        return
    parts = urlsplit(spec)
    port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    if port == ourselves and _is_ours(parts.hostname or ""):
        raise ConfigError(
            f"--{role} {spec} is this very server; give the address of the engine itself."
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
