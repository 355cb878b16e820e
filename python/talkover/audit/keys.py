"""The keys that an audit is given: headers, which go to one server and into no report. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from ..errors import InputError
from .finding import Report, Rule

Header = tuple[str, str]

MOST_HEADERS = 16
MOST_BYTES = 8192
"""Of all headers together, as servers take them."""
HIDDEN = "[hidden]"
LEAST = 6
"""Characters of what is hidden; shorter, it would hide the words around it."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110 §5.6.2)."""
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
_OURS = {
    "connection", "content-length", "host", "sec-websocket-key", "sec-websocket-version",
    "transfer-encoding", "upgrade", "user-agent",
}  # fmt: skip
"""They carry the connection, and say who is there."""


def headers(given: Sequence[str], variables: Mapping[str, str]) -> tuple[Header, ...]:
    """Each is NAME: VALUE, or NAME: env:VARIABLE, whose value neither a shell's history nor a list
    of processes has. InputError, which tells no value."""
    found = tuple(_header(one, variables) for one in given)
    names = [name.lower() for name, _ in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"--header {twice} is given twice; give it once.")
    if len(found) > MOST_HEADERS or sum(len(n) + len(v) for n, v in found) > MOST_BYTES:
        raise InputError(
            f"--header takes {MOST_HEADERS} headers of {MOST_BYTES} bytes together at most."
        )
    return found


def _header(given: str, variables: Mapping[str, str]) -> Header:
    name, colon, value = (part.strip() for part in given.partition(":"))
    if not colon or not _NAME.fullmatch(name):
        raise InputError('Write a header as in --header "X-Api-Key: env:MY_KEY".')
    if name.lower() in _OURS:
        raise InputError(f"--header {name}: the audit says that itself; leave it out.")
    if value.startswith("env:"):
        variable = value.removeprefix("env:")
        if variable not in variables:
            raise InputError(f"--header {name}: the environment has no {variable}; set it.")
        value = variables[variable]
    if not _VALUE.fullmatch(value):
        raise InputError(f"--header {name}: its value is empty or has other than printable ASCII.")
    return name, value


def without(report: Report, values: Iterable[str]) -> Report:
    """The report, whatever a server sent back, without the keys that it was sent."""
    # Of "Bearer …" also what comes after the scheme; the longest first, as one may hold another.
    parts = {part for value in values for part in (value, value.rpartition(" ")[2])}
    secrets = sorted((part for part in parts if len(part) >= LEAST), key=len, reverse=True)
    return cast(Report, _hidden(report, secrets)) if secrets else report


def _hidden(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, tuple):
        return tuple(_hidden(one, secrets) for one in cast("tuple[Any, ...]", value))
    # A rule's words are ours.
    if is_dataclass(value) and not isinstance(value, type | Rule):
        inner = {f.name: _hidden(getattr(value, f.name), secrets) for f in fields(value)}
        return replace(value, **inner)
    return value
