"""When a call is let go whose client is connected elsewhere, in virtual time."""

from __future__ import annotations

from talkover.media import items as m
from talkover.session.departure import PATIENCE_S, QUIET_S, Moment
from talkover.session.waiting import GAP_S, MOST_SPEECH_S, Gap


def test_between_turns_it_goes_once_what_was_sent_last_is_heard() -> None:
    moment = Moment(0.0, PATIENCE_S)
    assert not moment.has_come(True, False, 1.0)
    assert not moment.has_come(True, False, 1.0 + QUIET_S / 2)
    assert moment.has_come(True, False, 1.01 + QUIET_S)


def test_a_turn_that_begins_meanwhile_is_waited_for_anew() -> None:
    moment = Moment(0.0, PATIENCE_S)
    assert not moment.has_come(True, False, 1.0)
    assert not moment.has_come(False, False, 1.0 + QUIET_S / 2)
    assert not moment.has_come(True, False, 1.0 + QUIET_S)
    assert moment.has_come(True, False, 1.0 + 2 * QUIET_S)


def test_an_answer_without_end_is_left_between_two_sentences_and_only_after_patience() -> None:
    moment = Moment(0.0, PATIENCE_S)
    assert not moment.has_come(False, True, PATIENCE_S - 0.1)
    assert not moment.has_come(False, False, PATIENCE_S + 0.1)
    assert moment.has_come(False, True, PATIENCE_S + 0.2)


def sound(n: int) -> m.AudioIn:
    return m.AudioIn(n * 640, b"")


def test_of_silence_on_the_way_the_last_second_is_kept_and_all_that_is_about_the_leg() -> None:
    gap = Gap()
    gap.take(m.Connected("udp"), 0.0)
    for n in range(100):
        gap.take(sound(n), n * 0.04)
    first, *rest = gap.items()
    assert first == m.Connected("udp")
    assert rest[-1] == sound(99)
    assert abs(len(rest) * 0.04 - GAP_S) < 0.1


def test_a_voice_that_began_in_the_gap_is_kept_from_before_its_begin() -> None:
    gap = Gap()
    for n in range(100):
        gap.take(sound(n), n * 0.04)
    gap.take(m.Speech(True, 99 * 640), 4.0)
    for n in range(100, 200):
        gap.take(sound(n), n * 0.04)
    items = gap.items()
    assert m.Speech(True, 99 * 640) in items
    kept = [item for item in items if isinstance(item, m.AudioIn)]
    assert kept[0].at <= 76 * 640, "the ear wants what was before it"
    assert kept[-1] == sound(199)


def test_no_voice_is_kept_without_end() -> None:
    gap = Gap()
    gap.take(m.Speech(True, 0), 0.0)
    for n in range(1000):
        gap.take(sound(n), n * 0.04)
    assert len(gap.items()) * 0.04 < MOST_SPEECH_S + GAP_S + 0.1
