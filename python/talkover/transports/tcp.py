"""What a network does to a TCP stream. Pure: `(size, now)` in, arrival out; nothing is lost.

Loss on TCP is delay: what is lost is sent again, and all that was sent behind it waits for it
(RFC 9293 §3.8). Each time that takes a round trip where more follows, whose acknowledgements show
the gap (RACK, RFC 8985), else a retransmission timeout (RFC 6298: one second as written, 200 ms on
Linux), which doubles while it fails, as in a blackout. Congestion control is not modelled: a sender
that slows down after loss, or begins slowly, would do worse than this one.
"""

from __future__ import annotations

import random

from ..testing.weather import Weather

SEGMENT = 1448
"""Bytes of a segment on Ethernet, with timestamps."""
HEADERS = 52
"""Of IPv4 and TCP with timestamps, for each segment; empty acknowledgements are not counted."""
LEAST_TIMEOUT_S = 0.2
MOST_TIMEOUT_S = 120.0
FOLLOWERS_S = 0.06
"""Writes no further apart than this are a flow: what follows a loss shows it in a round trip."""


class Stream:
    """One direction of one connection. The same seed and writes give the same arrivals.

    `back_ms` is the delay of the other direction, for the round trip.
    """

    def __init__(self, weather: Weather, seed: int, back_ms: float) -> None:
        self._weather = weather
        self._dice = random.Random(seed)
        self._round_trip = (weather.delay_ms + weather.jitter_ms + back_ms) / 1000
        self._dark_until = self._busy_until = self._last = float("-inf")
        self._last_write = float("-inf")
        self.bytes = self.again = 0
        """With headers, what was sent again too; and how many segments that were."""

    def black_out(self, until: float) -> None:
        """Nothing passes before `until`, in seconds of `send`'s clock."""
        self._dark_until = until

    def send(self, size: int, now: float) -> float:
        """When the last byte of a write of `size` bytes arrives; never before an earlier one's."""
        flowing = now - self._last_write < FOLLOWERS_S or size > 3 * SEGMENT
        self._last_write = now
        while size > 0:
            self._last = max(self._last, self._segment(min(size, SEGMENT), now, flowing))
            size -= SEGMENT
        return self._last

    def _segment(self, size: int, now: float, flowing: bool) -> float:
        sent, timeout = now, max(LEAST_TIMEOUT_S, 2 * self._round_trip)
        while True:
            leaves = self._on_the_link(size, sent)
            is_dark = leaves < self._dark_until
            if not is_dark and self._dice.random() >= self._weather.loss:
                spread = self._dice.random() * self._weather.jitter_ms
                return leaves + (self._weather.delay_ms + spread) / 1000
            self.again += 1
            if flowing and not is_dark:
                sent = leaves + self._round_trip
            else:
                sent = leaves + timeout
                timeout = min(2 * timeout, MOST_TIMEOUT_S)

    def _on_the_link(self, size: int, now: float) -> float:
        self.bytes += size + HEADERS
        if self._weather.kbps is None:
            return now
        start = max(now, self._busy_until)
        # What is sent again later must not hold the link from now on.
        taken = (size + HEADERS) * 8 / (self._weather.kbps * 1000)
        if start == now and self._busy_until < now - 1:
            self._busy_until = now
        self._busy_until = max(self._busy_until, now) + taken
        return start + taken
