"""`talkover audit`: existing backends, by URL or as folders, and what of them breaks voice."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from .. import __version__
from ..audit.finding import Report
from ..audit.keys import Header, headers, without
from ..audit.outside.bounds import Bounds
from ..audit.outside.look import Kind, kind_of, outside
from ..audit.outside.seen import SpokenSeen
from ..audit.repository.judge import judged
from ..audit.repository.tree import sources
from ..errors import InputError
from .barge_in import barge_in
from .certificate import client_context

KINDS: tuple[Kind, ...] = ("http", "websocket", "webrtc", "model")
SCHEMES = ("http", "https", "ws", "wss")
AGENT = f"talkover-audit/{__version__}"


@dataclass(frozen=True, slots=True)
class Asked:
    """How URLs are looked at."""

    seconds: float
    token: str | None
    headers: Sequence[str]
    model: str | None
    kind: Kind | None
    data: str | None
    insecure: bool


def kind_named(name: str | None) -> Kind | None:
    """InputError for what is no kind."""
    if name is None:
        return None
    for kind in KINDS:
        if kind == name:
            return kind
    raise InputError(f"--as takes {', '.join(KINDS)}; {name} is none of them.")


async def audited(targets: Sequence[str], asked: Asked) -> list[Report]:
    """One report for each, one after the other. InputError for what is no target."""
    data = _data(asked.data)
    _keys(asked.headers, asked.token)
    _check(targets)
    return [
        await _outside(target, asked, *data) if is_url(target) else _inside(target)
        for target in targets
    ]


def _check(targets: Sequence[str]) -> None:
    for target in targets:
        if not is_url(target) and not Path(target).is_dir():
            raise InputError(f"{target} is neither a URL nor a folder; give one of them.")


def is_url(target: str) -> bool:
    try:
        return urlsplit(target).scheme in SCHEMES and bool(urlsplit(target).hostname)
    except ValueError:
        return False


async def _outside(target: str, asked: Asked, data: bytes | None, data_kind: str) -> Report:
    url, _, fragment = target.partition("#")
    # As a printed URL brings its key along.
    token = asked.token or next(iter(parse_qs(fragment).get("key", ())), None)
    # One that is named by http may lead to its own https.
    secure = f"https:{url.partition(':')[2]}"
    keys = _keys(asked.headers, token)
    bounds = Bounds(
        url, asked.seconds, client_context(secure, asked.insecure), AGENT, keys,
        idle_s=asked.seconds / 3,
    )  # fmt: skip

    async def talk(base: str) -> SpokenSeen:
        return await barge_in(base, token, insecure=asked.insecure)

    kind = asked.kind or kind_of(url, asked.model)
    report = await outside(
        bounds, url, kind=kind, model=asked.model, data=data, data_kind=data_kind, talk=talk
    )
    return without(report, [*(value for _, value in keys), urlsplit(url).password or ""])


def _keys(given: Sequence[str], token: str | None) -> tuple[Header, ...]:
    """What its server is sent; InputError."""
    keys = headers(given, os.environ)
    if token is None:
        return keys
    if any(name.lower() == "authorization" for name, _ in keys):
        raise InputError("--token is an Authorization header; give one of the two.")
    return (("Authorization", f"Bearer {token}"), *keys)


def _data(data: str | None) -> tuple[bytes | None, str]:
    """What is posted, and its type; `@FILE` is a file's content. InputError."""
    if data is None:
        return None, ""
    if not data.startswith("@"):
        return data.encode(), _kind(data.encode())
    file = Path(data[1:])
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from None
    return content, "audio/wav" if file.suffix == ".wav" else _kind(content)


def _kind(content: bytes) -> str:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return "application/octet-stream"
    return "application/json"


def _inside(target: str) -> Report:
    found = sources(Path(target))
    return judged(target, found.files, found.notes)


def keep(file: Path, text: str) -> None:
    """InputError where it cannot be written."""
    try:
        file.write_text(text)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}.") from None
