"""Live's output is one sound without gaps: where nobody speaks, silence fills it."""

from __future__ import annotations

STEP_MS = 100
"""Silence is sent in pieces of this length, and not before it has passed."""
MOST_MS = 1000
"""A server that was itself late leaves a gap rather than a burst."""


class Silence:
    """`rate` is bytes for each millisecond, `byte` one of silence."""

    def __init__(self, rate: int, byte: bytes) -> None:
        self._rate, self._byte = rate, byte
        self._until: float | None = None

    def sent(self, sound: int, now_ms: float) -> None:
        """So many bytes of sound go out."""
        self._until = max(self._until or now_ms, now_ms - MOST_MS) + sound / self._rate

    def missing(self, now_ms: float) -> bytes:
        """What is to be sent for the time in which nothing was."""
        until = now_ms if self._until is None else max(self._until, now_ms - MOST_MS)
        steps = max(0, int((now_ms - until) // STEP_MS))
        self._until = until + steps * STEP_MS
        return self._byte * (steps * STEP_MS * self._rate)
