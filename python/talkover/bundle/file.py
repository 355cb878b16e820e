"""What is in a bundle, and how it is read. docs/bundle.md describes the format."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..errors import InputError
from ..turn.trace import Step, decode

FORMAT = 1
SUFFIX = ".talkover"
FOLDER = ".recording"
"""Of the parts, until the call is over."""
PART = ".part"
"""Of a bundle that is being put together."""
WORDS = ".txt"
"""Of the transcript, beside the bundle."""
ABOUT, TRACE, FACTS, TURNS = "about.json", "trace.jsonl", "facts.jsonl", "turns.json"
USER, AGENT = "user.opus", "agent.opus"
PARTS = (ABOUT, TRACE, FACTS, TURNS, USER, AGENT)
MOST_BYTES = 512 << 20
"""Of one part. A day's trace is far smaller; a made-up archive may unpack to anything."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """`events` are (ms of the call, Realtime event)."""

    about: dict[str, Any]
    steps: list[Step]
    events: list[tuple[int, dict[str, Any]]]

    @property
    def whole(self) -> bool:
        """Recorded to the end of the call."""
        return self.about.get("complete") is True

    @property
    def title(self) -> str:
        about = self.about
        return (
            f"{about.get('session', 'A call')}, {about.get('began', 'at some time')}, "
            f"recorded by Talkover {about.get('talkover', '?')}"
        )


def read_bundle(path: Path) -> Bundle:
    """A bundle, or the folder that a crash left of one. InputError."""
    try:
        about = read_about(path)
        if about.get("format") != FORMAT:
            raise InputError(
                f"{path} has format {about.get('format')!r}, this version reads {FORMAT}; use the "
                f"Talkover that recorded it ({about.get('talkover', 'unknown')})."
            )
        torn = about.get("complete") is not True
        steps = [decode(one) for one in _lines(_part(path, TRACE), torn)]
        events = [(int(one["ms"]), one["event"]) for one in _lines(_part(path, FACTS), torn)]
    except (OSError, EOFError, zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read as a bundle: {error}.") from None
    return Bundle(about, steps, events)


def read_about(path: Path) -> dict[str, Any]:
    """What a bundle says of itself. OSError, ValueError, KeyError, zipfile.BadZipFile."""
    about = _json(_part(path, ABOUT))
    if not isinstance(about, dict):
        raise ValueError(f"{ABOUT} holds no object")
    return cast("dict[str, Any]", about)


def _part(path: Path, name: str) -> bytes:
    if path.is_dir():
        return (path / name).read_bytes()
    with zipfile.ZipFile(path) as file:
        if file.getinfo(name).file_size > MOST_BYTES:
            raise ValueError(f"{name} is too large")
        return file.read(name)


def _lines(text: bytes, torn: bool) -> Iterator[dict[str, Any]]:
    """One JSON object a line; the last one may be `torn` where the writer was cut off."""
    every = text.splitlines()
    for number, line in enumerate(every, 1):
        try:
            found = _json(line)
        except ValueError:
            if torn and number == len(every):
                return
            raise
        if not isinstance(found, dict):
            raise ValueError(f"line {number} holds no object")
        yield cast("dict[str, Any]", found)


def _json(text: bytes) -> Any:
    return json.loads(text)
