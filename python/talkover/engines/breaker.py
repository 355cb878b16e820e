"""A circuit breaker: how long an engine that failed is left alone (pure)."""

from __future__ import annotations

from typing import Literal

State = Literal["closed", "open", "half-open"]

MOST_FAILURES = 2
"""In a row; with these it opens."""
REST_S = 5.0
LONGEST_REST_S = 60.0
"""A try that fails doubles the rest, up to this."""


class Breaker:
    """Closed: used. Open: left alone. Half-open: one try, by whose end it closes or opens again.

    Each `begin` is followed by one of `worked`, `failed` and `gave_up`. `now`: seconds, any clock.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._rest = REST_S
        self._trying = False
        self.rests_until: float | None = None
        """None while it is closed."""

    def state(self, now: float) -> State:
        if self.rests_until is None:
            return "closed"
        return "half-open" if now >= self.rests_until else "open"

    def admits(self, now: float) -> bool:
        """Whether it is to be used; of a half-open one, by one at a time."""
        match self.state(now):
            case "closed":
                return True
            case "half-open":
                return not self._trying
            case "open":
                return False

    def begin(self, now: float) -> None:
        self._trying = self._trying or self.state(now) == "half-open"

    def worked(self) -> None:
        self._failures, self._rest = 0, REST_S
        self._trying, self.rests_until = False, None

    def failed(self, now: float) -> None:
        self._trying = False
        self._failures += 1
        if self.rests_until is not None:
            self._rest = min(2 * self._rest, LONGEST_REST_S)
        if self._failures >= MOST_FAILURES:
            self.rests_until = now + self._rest

    def gave_up(self) -> None:
        """Whoever asked did not wait for the end; that tells nothing."""
        self._trying = False

    def trip(self, now: float) -> None:
        """It is known not to work: open at once."""
        self._failures = max(self._failures, MOST_FAILURES - 1)
        self.failed(now)
