"""Settings: flag > TALKOVER_… > talkover.toml > default."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import ConfigError

FILE = "talkover.toml"
PREFIX = "TALKOVER_"
_SECRET = frozenset(("api_key", "key"))

Source = Literal["flag", "environment", "talkover.toml", "default"]


class Settings(BaseModel):
    """Every setting is a flag (`--media-port`), a variable (`TALKOVER_MEDIA_PORT`) and a key of
    `talkover.toml` (`media_port`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    media_host: str | None = None
    media_port: int = Field(default=8081, ge=0, le=65535)
    public_ip: str | None = None
    key: str | None = None
    llm: str | None = None
    model: str | None = None
    api_key: str | None = None
    stt: str | None = None
    stt_model: str = "whisper-1"
    tts: str | None = None
    tts_model: str = "tts-1"
    voice: str | None = None
    openai: bool = False
    tls: bool = False
    reload: bool = False
    most_calls: int = Field(default=500, ge=1, le=100_000)
    turn: dict[str, Any] = Field(default_factory=dict[str, Any])


class Loaded:
    """The effective settings, and where each came from."""

    def __init__(self, settings: Settings, sources: dict[str, Source]) -> None:
        self.settings = settings
        self.sources = sources

    def lines(self) -> list[str]:
        """One line per setting, secrets masked."""
        out: list[str] = []
        for name in Settings.model_fields:
            value = getattr(self.settings, name)
            shown = "…" if name in _SECRET and value else value
            out.append(f"{name} = {shown!r}  # {self.sources.get(name, 'default')}")
        return out


def load(
    flags: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Loaded:
    """Settings from all sources. ConfigError names an unknown key and the nearest known one."""
    environment = os.environ if environment is None else environment
    file = Path(FILE) if file is None else file
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    layers: list[tuple[Source, dict[str, Any]]] = [
        ("talkover.toml", _from_file(file)),
        ("environment", _from_environment(environment)),
        (
            "flag",
            {
                name: value
                for name, value in flags.items()
                if value is not None and value is not False
            },
        ),
    ]
    for source, layer in layers:
        for name, value in layer.items():
            _check_known(name, source)
            both = isinstance(value, dict) and isinstance(values.get(name), dict)
            values[name] = {**values[name], **value} if both else value
            sources[name] = source
    try:
        return Loaded(Settings.model_validate(values), sources)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{name} ({sources.get(name, '?')}): {first['msg']}.") from None


def _from_file(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: {error}.") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX):
            continue
        name, _, inner = variable.removeprefix(PREFIX).lower().partition("__")
        if inner:
            nested = found.setdefault(name, {})
            nested[inner] = int(value) if value.isdigit() else value
        else:
            found[name] = value
    return found


def _check_known(name: str, source: str) -> None:
    if name in Settings.model_fields:
        return
    near = difflib.get_close_matches(name, Settings.model_fields, 1, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "; see talkover config."
    raise ConfigError(f"There is no setting {name!r} ({source}){hint}")
