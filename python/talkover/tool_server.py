"""Where tools come from that somebody else serves, over the Model Context Protocol."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from .errors import AgentError

_KEYS = {
    "server_label", "server_url", "command", "env", "headers",
    "allowed_tools", "confirm", "timeout",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of a server's tools: by name, or by whether they say that they change nothing."""

    names: frozenset[str] | None = None
    read_only: bool | None = None

    def takes(self, name: str, read_only: bool) -> bool:
        named = self.names is None or name in self.names
        return named and self.read_only in (None, read_only)


ALL, NONE = Filter(), Filter(frozenset())


@dataclass(frozen=True, slots=True)
class ToolServer:
    """One server: by its URL (streamable HTTP), by the command that starts it (stdio), or in this
    process (`server`, an object of the `mcp` package).

    `approve` are tools that somebody has to agree to first: the user, or the client that named the
    server. `timeout` is seconds for a call. `public_only`: not on this machine or in its network.
    """

    label: str
    url: str | None = None
    command: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    server: Any = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    allowed: Filter = ALL
    approve: Filter = NONE
    timeout: float = 30.0
    public_only: bool = False

    @classmethod
    def of(cls, given: str | Mapping[str, Any] | object) -> ToolServer:
        """What `Agent(mcp=[…])` has: a URL, a command line, a dict, a server. AgentError."""
        if isinstance(given, str):
            given = {"server_url" if "://" in given else "command": given}
        if not isinstance(given, Mapping):
            return cls(_label(str(getattr(given, "name", "server"))), server=given)
        found = cast("Mapping[str, Any]", given)
        unknown = set(found) - _KEYS
        if unknown:
            raise AgentError(f"mcp: {sorted(unknown)[0]!r} is unknown; known: {sorted(_KEYS)}.")
        url, command = found.get("server_url"), found.get("command")
        if (url is None) == (command is None):
            raise AgentError("mcp: give a server_url or a command, and not both.")
        line = tuple(shlex.split(command) if isinstance(command, str) else command or ())
        return cls(
            _label(found.get("server_label") or _guess(url, line)), url, line,
            env=_pairs(found.get("env")),
            headers=_pairs(found.get("headers")),
            allowed=chosen(found.get("allowed_tools"), ALL),
            approve=_confirmed(found.get("confirm", False)),
            timeout=float(found.get("timeout", 30.0)),
        )  # fmt: skip


def chosen(given: Any, usual: Filter) -> Filter:
    """The protocol's `allowed_tools`: names, or a filter; None is `usual`."""
    if given is None:
        return usual
    if isinstance(given, Mapping):
        found = cast("Mapping[str, Any]", given)
        names = found.get("tool_names")
        return Filter(None if names is None else frozenset(names), found.get("read_only"))
    return Filter(frozenset(cast("Iterable[str]", given)))


def approved(given: Any) -> Filter:
    """The protocol's `require_approval`: tools that want one. Of a filter, what is not `never` is
    `always`, where only `never` is given."""
    if given is None or given == "always":
        return ALL
    if given == "never":
        return NONE
    found = cast("Mapping[str, Any]", given)
    if found.get("always") is not None:
        return chosen(found["always"], NONE)
    never = chosen(found.get("never"), NONE)
    return _Except(never.names, never.read_only)


class _Except(Filter):
    """All but those."""

    __slots__ = ()

    def takes(self, name: str, read_only: bool) -> bool:
        return not Filter(self.names, self.read_only).takes(name, read_only)


def _confirmed(given: bool | Iterable[str]) -> Filter:
    if isinstance(given, bool):
        return ALL if given else NONE
    return Filter(frozenset(given))


def _label(given: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", given)[:64].strip("_") or "server"


def _guess(url: str | None, command: tuple[str, ...]) -> str:
    if url is not None:
        return url.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1]
    return command[-1].rsplit("/", 1)[-1].removesuffix(".py") if command else "server"


def _pairs(given: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple((given or {}).items())
