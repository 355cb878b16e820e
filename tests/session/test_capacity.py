"""The capacity against machines that are scripted: what is late, when, at how many calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkover.session.capacity import KEPT, LEAST, START, SUSTAINED_S, Capacity, Look

FRAMES = 50
"""That a speaking call sends in a second."""


def well(live: int) -> Look:
    return Look(FRAMES * live, 0, 0.5, live)


def late(live: int, share: float = 0.05) -> Look:
    return Look(FRAMES * live, round(FRAMES * live * share), 0.5, live)


def lagging(live: int, ms: float = 200.0) -> Look:
    return Look(FRAMES * live, 0, ms, live)


def learn(capacity: Capacity, looks: Iterator[Look] | list[Look], begin: float = 0.0) -> float:
    now = begin
    for look in looks:
        capacity.learn(look, now)
        now += 1.0
    return now


def test_before_anything_is_known_so_many_are_taken_at_once() -> None:
    assert Capacity(500).room(0, back=True) == START
    assert Capacity(30).room(0, back=True) == 30 and Capacity(30).room(31, back=True) == 0


def test_new_calls_leave_some_room_to_those_who_come_back() -> None:
    assert (Capacity(30).room(27), Capacity(30).room(27, back=True)) == (0, 3)
    assert (Capacity(10).room(9), Capacity(10).room(9, back=True)) == (0, 1)
    assert Capacity(9).room(8) == Capacity(9).room(8, back=True) == 1, "too few to keep one"


def test_a_quiet_machine_takes_more_as_soon_as_it_is_asked_for_more() -> None:
    capacity = Capacity(1000)
    learn(capacity, [well(20)] * 100)
    assert capacity.limit == START, "what nobody tried says nothing"
    now = 0.0
    while capacity.limit < 1000:
        now = learn(capacity, [well(capacity.limit)], now)
    assert now < 90


STRAINS: list[Callable[[int], Look]] = [late, lagging]


@pytest.mark.parametrize("strain", STRAINS)
def test_strain_that_lasts_stops_calls_below_what_was_too_much(
    strain: Callable[[int], Look],
) -> None:
    capacity = Capacity(500)
    learn(capacity, [strain(80)] * (int(SUSTAINED_S) + 1))
    assert (
        capacity.limit == 72
        and capacity.room(80, back=True) == 0
        and capacity.room(70, back=True) == 2
    )
    learn(capacity, [strain(80)] * 20, 10.0)
    assert capacity.limit == 72, "the same calls are not held against it twice"


@pytest.mark.parametrize("strain", STRAINS)
def test_a_strain_that_passes_changes_nothing(strain: Callable[[int], Look]) -> None:
    capacity = Capacity(500)
    learn(capacity, [strain(80), strain(80), well(80)] * 10)
    assert capacity.limit == START


def test_a_late_frame_of_a_lonely_call_is_no_overload() -> None:
    capacity = Capacity(500)
    learn(capacity, [Look(10, 5, 0.5, 1)] * 20)
    assert capacity.limit == START


def test_after_a_strain_it_tries_one_more_call_at_a_time_and_later_more() -> None:
    capacity = Capacity(500)
    now = learn(capacity, [late(80)] * 4)
    for _ in range(40):
        now = learn(capacity, [well(capacity.limit)], now)
    assert 72 < capacity.limit <= 76
    for _ in range(200):
        now = learn(capacity, [well(capacity.limit)], now)
    assert capacity.limit > 150


def machine(knee: int, arrivals: float, lasting: float, seconds: int) -> list[tuple[int, int]]:
    """A machine that is late beyond `knee` calls, offered so many a second: (live, refused)."""
    capacity, calls, told, owed = Capacity(500), list[float](), list[tuple[int, int]](), 0.0
    for second in range(seconds):
        calls = [end for end in calls if end > second]
        owed += arrivals
        refused = 0
        while owed >= 1:
            owed -= 1
            if capacity.room(len(calls)):
                calls.append(second + lasting)
            else:
                refused += 1
        told.append((len(calls), refused))
        capacity.learn(late(len(calls)) if len(calls) > knee else well(len(calls)), second)
    return told


@pytest.mark.parametrize("knee", [30, 75, 90, 250])
def test_offered_twice_what_it_carries_it_carries_what_it_can(knee: int) -> None:
    lasting = 60.0
    told = machine(knee, 2 * knee / lasting, lasting, 900)
    settled = told[60:]
    live = [live for live, _ in settled]
    assert sum(one > knee for one in live) / len(live) < 0.35, "the strain is rare"
    assert max(live) <= knee * 1.15 + 1, "and small"
    assert sum(live) / len(live) > 0.85 * (1 - KEPT) * knee, "no room is wasted but what is kept"
    assert sum(refused for _, refused in settled) > 0


def test_when_the_crowd_has_gone_calls_are_taken_at_once() -> None:
    capacity = Capacity(500)
    learn(capacity, [late(80)] * 5)
    assert capacity.room(80, back=True) == 0
    assert capacity.room(20, back=True) == 52


Looks = st.lists(
    st.builds(
        Look, st.integers(0, 50_000), st.integers(0, 50_000), st.floats(0, 1e4),
        st.integers(0, 2000),
    ),
    max_size=200,
)  # fmt: skip


@given(Looks, st.integers(1, 1000))
def test_whatever_it_sees_it_never_lets_in_more_than_the_ceiling(
    looks: list[Look], most: int
) -> None:
    capacity = Capacity(most)
    for second, look in enumerate(looks):
        capacity.learn(look, float(second))
        assert min(LEAST, most) <= capacity.limit <= most
        assert look.live + capacity.room(look.live) <= max(most, look.live)


@given(Looks)
def test_whatever_it_saw_it_recovers_on_a_quiet_machine(looks: list[Look]) -> None:
    capacity = Capacity(200)
    now = learn(capacity, looks)
    for _ in range(600):
        now = learn(capacity, [well(capacity.limit)], now)
    assert capacity.limit == 200
