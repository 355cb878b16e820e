"""Named networks: assumed figures, in one place to be argued with."""

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
