"""Settings: flag > TALKOVER_… > talkover.toml > default.

Inside this file a setting is one dotted name: `port`, `turn.silence_ms`.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import ConfigError
from .turn.policy import TurnPolicy, policy

FILE = "talkover.toml"
PREFIX = "TALKOVER_"
_SECRET = frozenset(
    (
        "api_key", "deepgram_key", "elevenlabs_key", "gemini_key", "key", "turn_secret",
        "webhook_secret",
    )
)  # fmt: skip

Source = Literal["flag", "environment", "talkover.toml", "default"]

TURN = tuple(
    f"turn.{field.name}" for field in fields(TurnPolicy) if field.name.endswith(("_ms", "_words"))
)
"""Who may interrupt and who takes turns is the agent's own; the numbers have a default here."""


def _of(default: Any, description: str, **limits: Any) -> Any:
    return Field(default=default, description=description, **limits)


class Settings(BaseModel):
    """Every setting is a flag (`--media-port`), a variable (`TALKOVER_MEDIA_PORT`) and a key of
    `talkover.toml` (`media_port`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent: str | None = _of(None, "file.py:agent or module:agent; left out, the embedded demo")
    host: str = _of("127.0.0.1", "the address to serve on; 0.0.0.0 for all of this machine's")
    port: int = _of(8080, "the TCP port of page and API; 0 for any", ge=0, le=65535)
    media_host: str | None = _of(None, "the IP address of the media port; else as --host")
    media_port: int = _of(8081, "the UDP and TCP port of all calls; 0 for any", ge=0, le=65535)
    public_ip: str | None = _of(None, "the address that callers reach, behind a NAT")
    stun_urls: str | None = _of(None, "STUN servers that callers are told of: stun:HOST:PORT")
    turn_urls: str | None = _of(None, "relays for callers who get through by nothing else")
    turn_secret: str | None = _of(None, "the secret that those relays share with this server")
    key: str | None = _of(None, "who shows it may call; off loopback one is made if none is given")
    llm: str | None = _of(
        None, "the URL of an OpenAI-compatible model server; behind a comma, who stands in for it"
    )
    model: str | None = _of(None, "the model there; not needed where only one is served")
    api_key: str | None = _of(None, "the key that the engines' servers want")
    deepgram_key: str | None = _of(None, "the key for --stt deepgram")
    elevenlabs_key: str | None = _of(None, "the key for --tts elevenlabs")
    gemini_key: str | None = _of(None, "the key for --s2s gemini")
    stt: str | None = _of(None, "speech recognition: a URL, OpenAI-compatible, or a name")
    stt_model: str | None = _of(None, "the model there; else whisper-1, or OpenAI's newest")
    tts: str | None = _of(None, "a voice: a URL, OpenAI-compatible, or a name")
    tts_model: str | None = _of(None, "the model there; else tts-1, or OpenAI's newest")
    voice: str | None = _of(None, "the voice's name")
    openai: bool = _of(False, "OpenAI for all three engines; needs --api-key")
    s2s: str | None = _of(
        None,
        "a speech-to-speech model instead of the three: openai, gemini, wss://HOST/v1/realtime",
    )
    smart_turn: str | None = _of(None, "an end-of-turn model: auto, or its file")
    stall_seconds: float = _of(
        10.0, "an engine that gives nothing for so long has failed", ge=0.5, le=120
    )
    record: str | None = _of(None, "a folder that gets a .talkover file of every call")
    record_days: int | None = _of(None, "recordings older than this are deleted", ge=1)
    tls: bool = _of(False, "HTTPS, by a certificate made for development")
    reload: bool = _of(False, "new calls get changed code at once")
    most_calls: int = _of(
        500, "the most calls at a time; fewer, once it carries no more", ge=1, le=100_000
    )
    most_calls_per_secret: int = _of(4, "the most calls at a time by one client secret", ge=1)
    call_seconds: int = _of(86_400, "the longest call", ge=1, le=86_400)
    state: str | None = _of(
        None, "the file that keeps sessions, so that they survive this process; or memory"
    )
    nats: str | None = _of(
        None, "a NATS server, or several with commas between, that keep sessions for many machines"
    )
    nats_replicas: int = _of(1, "on how many NATS servers each session is kept", ge=1, le=5)
    state_hours: int = _of(24, "ended sessions are deleted after so long; 0 at once", ge=0)
    drain_seconds: int = _of(
        30, "after SIGTERM, calls have so long to move to another server; 0: no time", ge=0, le=3600
    )
    replace: bool = _of(False, "beside the process that serves this port, and then in its place")
    resume_seconds: int = _of(60, "a caller who vanished may come back so long", ge=0, le=3600)
    webhook: str | None = _of(None, "a URL that is told of calls that start and end")
    webhook_secret: str | None = _of(None, "what those messages are signed with")
    idle_seconds: int = _of(3600, "ends a call without a voice, a text or a reply", ge=1)
    turn: dict[str, Annotated[int, Field(ge=0, le=30_000)]] = _of(
        {}, "a turn setting, such as silence_ms=500; may be given again"
    )

    @property
    def turns(self) -> TurnPolicy:
        """The turn settings of agents that say nothing else."""
        return policy(dict(self.turn))


NAMES = (*(name for name in Settings.model_fields if name != "turn"), *TURN)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The effective settings, where each came from, and what was passed over."""

    settings: Settings
    sources: Mapping[str, Source]
    warnings: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """One line per setting, secrets masked."""
        return [
            f"{name:26} = {self._shown(name):28} # {self.sources.get(name, 'default')}"
            for name in NAMES
        ]

    def _shown(self, name: str) -> str:
        first, _, inner = name.partition(".")
        value = getattr(self.settings.turns if inner else self.settings, inner or first)
        if value is None:
            return "(not set)"
        if name in _SECRET:
            return '"…"'
        if isinstance(value, str):
            return f'"{re.sub("(?<=//)[^/@]+@", "…@", value)}"'
        return str(value).lower()


def load(
    flags: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Loaded:
    """Settings from all sources; a flag that is None was not given.

    ConfigError names an unknown key and the nearest known one, and a value that cannot be used.
    """
    found, warnings = _from_environment(os.environ if environment is None else environment)
    layers: list[tuple[Source, dict[str, Any]]] = [
        ("talkover.toml", _from_file(Path(FILE) if file is None else file)),
        ("environment", found),
        ("flag", {name: value for name, value in flags.items() if value is not None}),
    ]
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for source, layer in layers:
        for name, value in layer.items():
            if name not in NAMES:
                raise ConfigError(_unknown(name, source))
            values[name] = value
            sources[name] = source
    turn = {name.partition(".")[2]: values.pop(name) for name in TURN if name in values}
    try:
        settings = Settings.model_validate({**values, "turn": turn})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        where = _spelled(name, sources.get(name, "default"))
        raise ConfigError(f"{where}: {first['msg']}.") from None
    for name, value in settings.turn.items():
        try:
            policy({name: value})
        except ValueError as error:
            where = _spelled(f"turn.{name}", sources[f"turn.{name}"])
            raise ConfigError(f"{where}: {error}") from None
    return Loaded(settings, sources, tuple(warnings))


def _from_file(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}.") from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: {error}.") from None
    flat: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, dict):
            table = cast("dict[str, Any]", value)
            flat |= {f"{name}.{inner}": each for inner, each in table.items()}
        else:
            flat[name] = value
    return flat


def _from_environment(environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """An empty variable is one that is not set. What resembles no setting is only told."""
    found: dict[str, Any] = {}
    warnings: list[str] = []
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or not value:
            continue
        name = variable.removeprefix(PREFIX).lower().replace("__", ".")
        if name in NAMES or "." in name or _nearest(name):
            found[name] = value
        else:
            warnings.append(f"{variable} is no setting of Talkover's and changes nothing.")
    return found, warnings


def _unknown(name: str, source: Source) -> str:
    near = _nearest(name)
    hint = f"did you mean {_spelled(near, source)}?" if near else "see talkover config."
    return f"There is no setting {_spelled(name, source)}; {hint}"


def _nearest(name: str) -> str | None:
    return next(iter(difflib.get_close_matches(name, NAMES, 1, 0.6)), None)


def _spelled(name: str, source: Source) -> str:
    """A setting's name as one writes it there."""
    match source:
        case "flag":
            turn = name.startswith("turn.")
            return "--" + (name.replace(".", " ") if turn else name.replace("_", "-"))
        case "environment":
            return PREFIX + name.replace(".", "__").upper()
        case _:
            return f"{name} in {FILE}" if source != "default" else name
