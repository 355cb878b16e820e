"""What a network does to packets, by the numbers of a seed. Pure: `(size, now)` in, arrival out."""

from __future__ import annotations

import random
from dataclasses import dataclass

QUEUE_S = 0.3
"""Of packets before a narrow link; more is dropped, as by a router."""
OVERHEAD = 28
"""Bytes of IPv4 and UDP headers, which a rate counts."""


@dataclass(frozen=True, slots=True)
class Weather:
    """One direction. `loss` is a share (0 to 1); `jitter_ms` is spread evenly over `delay_ms`, so
    that packets overtake each other; `kbps` is what the link carries (none: everything)."""

    loss: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    kbps: float | None = None


class Link:
    """One direction of a network. The same seed and packets give the same arrivals."""

    def __init__(self, weather: Weather, seed: int) -> None:
        self.weather = weather
        self.passed = self.lost = self.bytes = 0
        """Packets, and the bytes of all that were sent, with headers."""
        self._dice = random.Random(seed)
        self._dark_until = self._busy_until = float("-inf")

    def black_out(self, until: float) -> None:
        """Nothing passes before `until`, in seconds of `send`'s clock."""
        self._dark_until = until

    def send(self, size: int, now: float) -> float | None:
        """When a packet of `size` bytes that is sent `now` arrives; None: never. Seconds."""
        weather = self.weather
        self.bytes += size + OVERHEAD
        # Both dice are always rolled: what is lost does not change what happens to the rest.
        fate, spread = self._dice.random(), self._dice.random()
        arrives = now + (weather.delay_ms + spread * weather.jitter_ms) / 1000
        if weather.kbps is not None:
            start = max(now, self._busy_until)
            taken = (size + OVERHEAD) * 8 / (weather.kbps * 1000)
            if start + taken - now > QUEUE_S:
                self.lost += 1
                return None
            self._busy_until = start + taken
            arrives += self._busy_until - now
        if now < self._dark_until or fate < weather.loss:
            self.lost += 1
            return None
        self.passed += 1
        return arrives
