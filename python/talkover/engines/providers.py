"""Who makes engines, by name: ours, and those that installed packages bring; loaded on use."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from ..errors import ConfigError
from .base import Provider, Role, Wanted

GROUP = "talkover.engines"
OURS = {
    "demo": "talkover.engines.demo.provider:PROVIDER",
    "deepgram": "talkover.engines.remote.deepgram:PROVIDER",
    "elevenlabs": "talkover.engines.remote.elevenlabs:PROVIDER",
    "gemini": "talkover.engines.remote.gemini:PROVIDER",
    "kokoro": "talkover.engines.local.provider:KOKORO",
    "openai": "talkover.engines.remote.provider:PROVIDER",
    "piper": "talkover.engines.local.provider:PIPER",
    "sherpa": "talkover.engines.local.provider:SHERPA",
    "whisper": "talkover.engines.local.provider:WHISPER",
}
SCHEMES = {"http": "openai", "https": "openai", "ws": "openai", "wss": "openai"}
"""A URL's scheme → who makes its engines; any other scheme is a provider's name."""


@dataclass(frozen=True, slots=True)
class Known:
    """A provider, as `talkover engines` lists it; `trouble` says why it cannot be loaded."""

    name: str
    origin: str
    note: str = ""
    roles: tuple[Role, ...] = ()
    trouble: str = ""


def known() -> list[Known]:
    """All providers there are, each loaded to see whether it can be."""
    listed: list[Known] = []
    for name in sorted({*OURS, *_installed()}):
        origin = "talkover" if name in OURS else _origin(_installed()[name])
        try:
            found = provider(name)
        except ConfigError as error:
            listed.append(Known(name, origin, trouble=error.message))
        else:
            note = f"{found.note}; {found.state()}" if found.state is not None else found.note
            listed.append(Known(name, origin, note, tuple(found.makers)))
    return listed


def provider(name: str) -> Provider:
    """Load it. ConfigError for one that is not there, or cannot be loaded.

    What we bring ourselves cannot be replaced by a package that takes its name.
    """
    try:
        if name in OURS:
            module, _, attribute = OURS[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        found: Any = _installed()[name].load()
    except KeyError:
        names = ", ".join(sorted({*OURS, *_installed()}))
        raise ConfigError(
            f"There is no engine {name!r}; known are {names}, and URLs such as "
            "http://localhost:11434/v1."
        ) from None
    except Exception as error:
        raise ConfigError(f"The engine {name!r} cannot be loaded: {error}.") from error
    if not isinstance(found, Provider):
        raise ConfigError(f"The engine {name!r} is no talkover.engines.base.Provider.")
    return found


def make(wanted: Wanted) -> Any:
    """The engine that `spec` names: NAME, URL, either with #MODEL; a URL with KEY@ before the host.

    ConfigError says what cannot be used.
    """
    parts = urlsplit(wanted.spec)
    model = unquote(parts.fragment) or wanted.model
    if "://" in wanted.spec:
        name = SCHEMES.get(parts.scheme, parts.scheme)
        key = parts.password or parts.username
        bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
        wanted = replace(
            wanted, spec=bare, url=bare, model=model,
            api_key=unquote(key) if key else wanted.api_key,
        )  # fmt: skip
    else:
        name = wanted.spec.partition("#")[0]
        wanted = replace(wanted, spec=name, model=model)
    maker = provider(name).makers.get(wanted.role)
    if maker is None:
        raise ConfigError(f"--{wanted.role} {wanted.spec}: {name} has no such engine.")
    return maker(wanted)


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _origin(point: EntryPoint) -> str:
    return "a package" if point.dist is None else point.dist.name
