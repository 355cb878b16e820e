"""A live session in figures, for whoever looks over many. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from ..protocol import facts as f
from .turns import Turn

MOST = 200
"""Silences that the percentiles are of: the last ones."""


@dataclass(slots=True)
class Figures:
    """Of one session, since this process has it. `silences` are ms, as the callers heard them."""

    turns: int = 0
    interruptions: int = 0
    errors: int = 0
    tools: int = 0
    silences: deque[float] = field(default_factory=lambda: deque[float](maxlen=MOST))

    def take(self, fact: f.Fact) -> None:
        match fact:
            case f.Failed():
                self.errors += 1
            case f.ReplyDone(_, "cancelled"):
                self.interruptions += 1
            case _:
                pass

    def turn(self, turn: Turn) -> None:
        self.turns += 1
        self.tools += len(turn.tools)
        if "total" in turn.timings:
            self.silences.append(turn.timings["total"])

    def shown(self) -> dict[str, Any]:
        silences = sorted(self.silences)
        return {
            "turns": self.turns,
            "interruptions": self.interruptions,
            "errors": self.errors,
            "tools": self.tools,
            "last_ms": round(self.silences[-1]) if silences else None,
            "p50_ms": _at(silences, 0.5),
            "p95_ms": _at(silences, 0.95),
        }


def _at(ordered: list[float], share: float) -> int | None:
    """The smallest of which so large a share is not above it."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))])
