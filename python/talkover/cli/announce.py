"""What a server says of itself when it is ready."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from urllib.parse import quote

from ..engines.base import EngineInfo
from ..errors import TalkoverError
from .address import in_url, is_loopback


def url_of(scheme: str, host: str, port: int, key: str | None) -> str:
    """The one URL to open; off loopback it carries the key, which browsers do not send on."""
    shown = f"{scheme}://{in_url(host)}:{port}"
    return shown if key is None or is_loopback(host) else f"{shown}/#key={quote(key, safe='')}"


def announce(
    url: str,
    infos: Iterable[EngineInfo],
    troubles: Iterable[TalkoverError],
    record: str | None = None,
) -> None:
    lines = [f"Talkover listens at {url}", ""]
    lines += [line for info in infos for line in lines_of(info)]
    if record is not None:
        lines.append(f"rec  every call is recorded, both voices, into {record}")
    lines += [f"!    {trouble.message}" for trouble in troubles]
    print("", *(f"  {line}".rstrip() for line in lines), "", sep="\n", file=sys.stderr, flush=True)


def lines_of(info: EngineInfo) -> list[str]:
    kind = "scripted demo" if info.demo else "real"
    what = "audio" if info.role in ("stt", "s2s", "turn") else "text"
    leaves = "leaves" if info.leaves_machine else "stays on"
    line = f"{info.role}  {info.name} ({kind}), {info.where}; {what} {leaves} this machine"
    return [line, f"     {info.note}"] if info.note else [line]
