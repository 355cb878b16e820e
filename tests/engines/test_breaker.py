"""When an engine that failed is asked again."""

from __future__ import annotations

from talkover.engines.breaker import LONGEST_REST_S, MOST_FAILURES, REST_S, Breaker


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(MOST_FAILURES):
        breaker.begin(at)
        breaker.failed(at)
    return breaker


def test_one_failure_is_forgiven_and_a_success_forgets_it():
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(0.0)
        assert breaker.state(0.0) == "closed"
        breaker.worked()


def test_failures_in_a_row_open_it_until_it_has_rested():
    breaker = opened()
    assert breaker.state(0.0) == "open" and not breaker.admits(REST_S - 0.01)
    assert breaker.state(REST_S) == "half-open" and breaker.admits(REST_S)


def test_half_open_lets_one_try_through_at_a_time():
    breaker = opened()
    breaker.begin(REST_S)
    assert not breaker.admits(REST_S)
    breaker.gave_up()
    assert breaker.admits(REST_S)


def test_a_try_that_works_closes_it_for_everyone():
    breaker = opened()
    breaker.begin(REST_S)
    breaker.worked()
    assert breaker.state(REST_S) == "closed"
    breaker.failed(REST_S)
    assert breaker.admits(REST_S)


def test_a_try_that_fails_doubles_the_rest_up_to_a_limit():
    breaker, now = opened(), 0.0
    rest = REST_S
    for _ in range(10):
        now += rest
        breaker.begin(now)
        breaker.failed(now)
        rest = min(2 * rest, LONGEST_REST_S)
        assert not breaker.admits(now + rest - 0.01)
        assert breaker.admits(now + rest)


def test_one_that_is_known_not_to_work_opens_at_once():
    breaker = Breaker()
    breaker.trip(1.0)
    assert breaker.state(1.0) == "open"
