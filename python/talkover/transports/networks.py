"""Named networks and engine latencies: assumed figures, in one place to be argued with."""

from __future__ import annotations

from dataclasses import dataclass

from ..testing.weather import Weather


@dataclass(frozen=True, slots=True)
class Network:
    """The same weather each way; `blackout_s` of nothing at all within one answer."""

    name: str
    weather: Weather
    blackout_s: float = 0.0


NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        Network("loopback", Weather()),
        Network("fibre", Weather(delay_ms=8, jitter_ms=2)),
        Network("cafe", Weather(loss=0.01, delay_ms=20, jitter_ms=30, kbps=5000)),
        Network("4g", Weather(loss=0.005, delay_ms=40, jitter_ms=30, kbps=8000)),
        Network("lossy", Weather(loss=0.1, delay_ms=30, jitter_ms=10, kbps=8000)),
        Network("train", Weather(loss=0.03, delay_ms=50, jitter_ms=40, kbps=1000), 2.0),
    )
}


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds: from the end of the words to their text; to the model's first word and from word to
    word; to the voice's first sound; and how long a second of voice takes to make."""

    name: str
    ear: float = 0.0
    model: float = 0.0
    word: float = 0.0
    voice: float = 0.0
    per_second: float = 0.0


LATENCIES: dict[str, Latency] = {
    one.name: one
    for one in (
        Latency("zero"),
        Latency("hosted", ear=0.25, model=0.45, word=0.02, voice=0.25, per_second=0.3),
    )
}
"""`hosted`: the order of a small hosted chat model (such as gpt-4o-mini) with a hosted recogniser
and voice in front of and behind it. Assumed, not measured: replace it by your own figures."""
