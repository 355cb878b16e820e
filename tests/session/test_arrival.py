"""Where a caller's samples lie on the session's clock."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from talkover.session.arrival import Arrival

FRAME = 320
"""20 ms."""


def heard(arrival: Arrival, delays: Iterable[float], begin: int = 0, gapless: bool = True) -> int:
    """Frames one after the other, each so many seconds after the last of its samples was said."""
    upto = begin
    for delay in delays:
        upto += FRAME
        arrival.take(upto, upto / 16000 + delay, gapless=gapless)
    return upto


def test_a_sample_lies_where_the_fastest_sound_says():
    arrival = Arrival()
    heard(arrival, [0.09, 0.05, 0.08, 0.07])
    assert arrival.time_of(16000) == pytest.approx(1.05)
    assert arrival.late == pytest.approx(0.02)


def test_a_line_that_holds_sound_back_makes_it_late():
    arrival = Arrival()
    upto = heard(arrival, [0.05] * 100)
    heard(arrival, [0.25] * 50, upto)
    assert arrival.late == pytest.approx(0.2)
    assert arrival.time_of(0) == pytest.approx(0.05)


def test_a_microphone_that_lost_some_of_its_sound_is_not_late_for_ever():
    arrival = Arrival()
    upto = heard(arrival, [0.05] * 500)
    heard(arrival, [0.11] * 151, upto)
    assert arrival.late == pytest.approx(0.0)
    assert arrival.time_of(0) == pytest.approx(0.11)


def test_a_sender_that_leaves_out_time_begins_anew():
    arrival = Arrival()
    upto = heard(arrival, [0.05] * 100, gapless=False)
    heard(arrival, [4.0], upto, gapless=False)
    assert arrival.late == 0 and arrival.time_of(0) == pytest.approx(4.0)


def test_what_is_counted_anew_is_placed_anew():
    arrival = Arrival()
    heard(arrival, [0.05] * 100)
    arrival.restart(7.0)
    assert arrival.time_of(160) == pytest.approx(7.01) and arrival.late == 0
    arrival.take(FRAME, 7.5, gapless=True)
    assert arrival.start == pytest.approx(7.48)
