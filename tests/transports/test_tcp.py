"""The user-space network for TCP: loss is delay, and order stays."""

from __future__ import annotations

import pytest

from talkover.testing.weather import Weather
from talkover.transports.tcp import LEAST_TIMEOUT_S, SEGMENT, Stream


def arrivals(weather: Weather, seed: int = 1, writes: int = 1000) -> list[float]:
    stream = Stream(weather, seed, weather.delay_ms)
    return [stream.send(100, n * 0.02) for n in range(writes)]


def test_the_same_seed_is_the_same_network_and_another_is_not() -> None:
    weather = Weather(loss=0.1, delay_ms=20, jitter_ms=30)
    assert arrivals(weather) == arrivals(weather)
    assert arrivals(weather) != arrivals(weather, seed=2)


def test_nothing_is_lost_and_nothing_overtakes() -> None:
    came = arrivals(Weather(loss=0.2, delay_ms=20, jitter_ms=60))
    assert came == sorted(came)


def test_a_loss_within_a_flow_costs_a_round_trip_and_holds_up_what_follows() -> None:
    delays = [at - n * 0.02 for n, at in enumerate(arrivals(Weather(loss=0.05, delay_ms=50)))]
    late = [delay for delay in delays if delay > 0.051]
    assert min(delays) == pytest.approx(0.05)
    # A loss alone: one way, one round trip. Behind it wait more writes than were lost.
    assert 0.149 < max(delays)
    assert len(late) > 2 * 0.05 * len(delays)


def test_a_loss_that_nothing_follows_waits_for_a_timeout() -> None:
    found: set[int] = set()
    for seed in range(200):
        stream = Stream(Weather(loss=0.3), seed, 0.0)
        found.add(round(stream.send(100, 10.0) * 1000 - 10_000))
    doubled = [0, 200, 600, 1400, 3000]
    assert {0, 200, 600} <= found
    assert round(LEAST_TIMEOUT_S * 1000) in found and found <= {*doubled, 6200, 12600, 25400}


def test_what_was_sent_into_a_blackout_comes_with_a_retry_after_it() -> None:
    stream = Stream(Weather(delay_ms=10), 1, 10.0)
    stream.black_out(2.0)
    assert stream.send(100, 1.0) == pytest.approx(1.0 + 0.2 + 0.4 + 0.8 + 0.01)
    assert stream.send(100, 2.5) == pytest.approx(2.51)


def test_a_narrow_link_carries_what_it_says() -> None:
    stream = Stream(Weather(kbps=800), 1, 0.0)
    came = stream.send(69 * SEGMENT, 0.0)
    assert came == pytest.approx(1.035, rel=0.02)  # 103.5 kB with headers, at 100 kB/s


def test_an_idle_link_owes_nothing() -> None:
    stream = Stream(Weather(kbps=800), 1, 0.0)
    stream.send(10 * SEGMENT, 0.0)
    assert stream.send(948, 60.0) == pytest.approx(60.01)


def test_bytes_count_headers_and_what_is_sent_again() -> None:
    calm, bad = Stream(Weather(), 1, 0.0), Stream(Weather(loss=0.3), 1, 0.0)
    for n in range(100):
        calm.send(100, n * 0.02)
        bad.send(100, n * 0.02)
    assert calm.bytes == 100 * 152
    assert bad.again > 10 and bad.bytes == calm.bytes + bad.again * 152
