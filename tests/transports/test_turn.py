"""The score of a turn, from a waveform and a ledger whose every time is known."""

from __future__ import annotations

from typing import Any

import pytest

from talkover.transports.hearing import listen
from talkover.transports.playback import Playback
from talkover.transports.tones import RATE, WORDS, tone
from talkover.transports.turn import Turn, score

Note = dict[str, Any]


def answered(at: float, stopped: float | None = None, then: float | None = None) -> Playback:
    playback = Playback(0.0)
    for word in range(WORDS):
        playback.take(tone(word), RATE, at)
    if stopped is not None:
        playback.stop(stopped)
        playback.listen()
    if then is not None:
        for word in range(WORDS):
            playback.take(tone(word), RATE, then)
    return playback


def test_an_answer_is_dated_from_the_end_of_the_question() -> None:
    turn = Turn(8.0, 10.0, over=20.0)
    found = score(turn, None, listen(answered(10.7).pieces), [])
    assert found.answer_ms == pytest.approx(700, abs=11)
    assert found.missing is not None and found.missing < 0.01
    assert found.silent_ms is None and found.history_words is None


def test_an_answer_that_never_came_is_missing_as_a_whole() -> None:
    found = score(Turn(8.0, 10.0, over=20.0), None, listen([]), [])
    assert (found.answer_ms, found.missing) == (None, 1.0)


def test_a_piece_of_sound_is_dated_from_when_it_was_spoken() -> None:
    came = [[10.1 - 0.02 * n, 32_000 - 320 * n] for n in reversed(range(50))]
    note: Note = {"what": "heard", "at": 10.2, "came": came, "last_loud": 32_000}
    found = score(Turn(8.0, 10.0, over=20.0), None, listen([]), [note])
    assert len(found.mouth_to_ear_ms) == 50
    assert found.mouth_to_ear_ms == pytest.approx([100.0] * 50)


def test_an_interruption_is_scored_by_what_was_heard_made_and_remembered() -> None:
    before = Turn(8.0, 10.0, over=12.0, cut=True)
    turn = Turn(12.0, 14.0, over=25.0, interrupts=True)
    sound = listen(answered(10.5, stopped=12.2, then=14.5).pieces)
    spoke: list[Note] = [
        {"what": "spoke", "at": 10.45 + 0.2 * word, "word": word} for word in range(WORDS)
    ]
    asked: Note = {"what": "asked", "at": 14.1, "words": [WORDS, 8]}
    found = score(turn, before, sound, [*spoke, asked])
    assert found.silent_ms == pytest.approx(200, abs=11)
    assert found.wasted_ms == 8 * 300  # those spoken at 12.05, …, 13.45
    assert found.unheard_ms == pytest.approx(WORDS * 300 - 1700, abs=40)
    assert found.history_words == 8 - 6  # five whole words and two thirds of the sixth
    assert found.answer_ms == pytest.approx(500, abs=11)
    assert score(before, None, sound, []).missing is None


def test_a_recovery_is_dated_from_the_end_of_the_blackout() -> None:
    turn = Turn(8.0, 10.0, over=25.0, dark=(11.3, 13.3))
    broken = listen(answered(10.5, stopped=11.4, then=13.9).pieces)
    assert score(turn, None, broken, []).recovery_ms == pytest.approx(600, abs=11)
    whole = Turn(8.0, 10.0, over=25.0, dark=(11.3, 13.3))
    assert score(whole, None, listen(answered(10.5).pieces), []).recovery_ms == 0.0
