"""Which servers there are, what each carries, and which of them takes a new call (pure).

`now` in seconds, by a clock that never goes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

GONE_S = 3.0
"""A server that was not heard of for so long is gone, until it is heard of again."""
BETTER = 0.1
"""By so much of what it carries another server must have more room: going there costs a little,
and what servers tell of themselves is a second old."""


@dataclass(frozen=True, slots=True)
class Load:
    """Calls that a server has, the most that it would take, and whether it takes any now."""

    live: int = 0
    limit: int = 0
    ready: bool = False

    @property
    def free(self) -> float:
        """The share of its room that is left; 0 where it takes none."""
        return max(0, self.limit - self.live) / self.limit if self.ready and self.limit else 0.0


class Nodes:
    """`own` is the name of this server, which is not among the others. It hears itself as well,
    unless it is cut off."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._heard: dict[str, tuple[float, Load]] = {}
        self._hears: tuple[float, float] | None = None
        """Since when it has heard itself without a gap, and when last."""

    def hear(self, node: str, load: Load, now: float) -> None:
        if node != self._own:
            self._heard[node] = (now, load)
        elif self._hears is None or now - self._hears[1] >= GONE_S:
            self._hears = (now, now)
        else:
            self._hears = (self._hears[0], now)

    def see(self, node: str, now: float) -> None:
        """Something else came from it: it lives, and carries what it last told."""
        _, load = self._heard.get(node, (now, Load()))
        self.hear(node, load, now)

    def silent_s(self, node: str, now: float) -> float:
        """How long this server has listened and not heard another one; 0 while it is cut off, when
        it would hear nobody."""
        if self._hears is None or now - self._hears[1] >= GONE_S or node == self._own:
            return 0.0
        at, _ = self._heard.get(node, (self._hears[0], Load()))
        return now - max(at, self._hears[0])

    def lives(self, node: str, now: float) -> bool:
        at, _ = self._heard.get(node, (now - GONE_S, Load()))
        return node == self._own or now - at < GONE_S

    def others(self, now: float) -> dict[str, Load]:
        """Those that live."""
        return {node: load for node, (_, load) in self._heard.items() if self.lives(node, now)}

    def place(self, own: Load, now: float) -> str | None:
        """The other server that a new call is better with; None for this one."""
        others = self.others(now)
        best = max(others, key=lambda node: others[node].free, default=None)
        if best is None or others[best].free <= (own.free + BETTER if own.free else 0.0):
            return None
        # It tells of this call itself only with its next word.
        at, load = self._heard[best]
        self._heard[best] = (at, replace(load, live=load.live + 1))
        return best
