"""The user-space network: what a link does to packets."""

from __future__ import annotations

import pytest

from talkover.testing.weather import QUEUE_S, Link, Weather


def arrivals(weather: Weather, seed: int = 1, packets: int = 2000) -> list[float | None]:
    link = Link(weather, seed)
    return [link.send(100, n * 0.02) for n in range(packets)]


def test_the_same_seed_is_the_same_network_and_another_is_not() -> None:
    weather = Weather(loss=0.1, delay_ms=20, jitter_ms=30)
    assert arrivals(weather) == arrivals(weather)
    assert arrivals(weather) != arrivals(weather, seed=2)


def test_it_loses_and_delays_as_it_says() -> None:
    sent = arrivals(Weather(loss=0.1, delay_ms=20, jitter_ms=30))
    lost = sum(at is None for at in sent) / len(sent)
    assert 0.08 < lost < 0.12
    delays = [at - n * 0.02 for n, at in enumerate(sent) if at is not None]
    assert min(delays) >= 0.0199 and max(delays) <= 0.0501
    assert 0.03 < sum(delays) / len(delays) < 0.04


def test_jitter_lets_packets_overtake_each_other() -> None:
    sent = [at for at in arrivals(Weather(jitter_ms=60)) if at is not None]
    assert sent != sorted(sent)


def test_what_is_lost_does_not_change_what_happens_to_the_rest() -> None:
    calm = arrivals(Weather(jitter_ms=30))
    for ours, other in zip(arrivals(Weather(jitter_ms=30, loss=0.2)), calm, strict=True):
        assert ours in (None, other)


def test_a_narrow_link_queues_and_then_drops() -> None:
    link = Link(Weather(kbps=32), seed=1)
    sent = [link.send(172, n * 0.02) for n in range(500)]  # 80 kb/s with headers
    passed = [at for at in sent if at is not None]
    assert passed == sorted(passed)
    assert passed[-1] - 499 * 0.02 <= QUEUE_S + 0.02
    assert len(passed) * 200 * 8 / 10 == pytest.approx(32_000, rel=0.05)


def test_nothing_passes_a_blackout() -> None:
    link = Link(Weather(), seed=1)
    link.black_out(5.0)
    assert [link.send(100, at) for at in (4.9, 5.0)] == [None, 5.0]
