"""What a reader noticed at one line; whether it is a finding depends on the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sign:
    """`name` is a rule's id, or something that other rules depend on ("voice", "serverless").

    `text` is the line itself. `ms`: this place's own cost where it can be read from it.
    """

    name: str
    path: str
    line: int
    text: str
    ms: float | None = None

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}"


def at(name: str, path: str, line: int, lines: Sequence[str], ms: float | None = None) -> Sign:
    text = lines[line - 1].strip()[:160] if 0 < line <= len(lines) else ""
    return Sign(name, path, line, text, ms)
