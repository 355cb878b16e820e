"""A session's facts as they go over the wire, made once for all who are told the same."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from websockets.frames import Frame, Opcode

from ..protocol.facts import Fact
from ..protocol.text import to_text
from .leg import Dialect
from .stream import Entry

MOST = 64
"""Facts of which texts are kept; for a reader further behind they are made anew."""


def texts(dialect: Dialect, entry: Entry) -> list[str]:
    """The events that tell a fact, for one leg alone."""
    _, at_ms, fact = entry
    return [to_text(event) for event in dialect.encode(fact, at_ms)]


@dataclass(frozen=True, slots=True)
class Told:
    """One fact, of which there may be nothing to tell. `frames`: a server's, RFC 6455 §5.2."""

    fact: Fact
    texts: list[str]
    frames: bytes


class Encoded:
    """Of one session, for legs that are `alike`; they see the same `event_id` too."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Told] = {}

    def told(self, dialect: Dialect, entry: Entry) -> Told:
        number, _, fact = entry
        # A gap has the number of a fact, and is one reader's own.
        key = dialect.alike, number, id(fact)
        if key not in self._kept:
            # With the fact, so that nothing else gets its id meanwhile.
            made = texts(dialect, entry)
            frames = b"".join(
                Frame(Opcode.TEXT, one.encode()).serialize(mask=False) for one in made
            )
            self._kept[key] = Told(fact, made, frames)
            if len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]
        return self._kept[key]
