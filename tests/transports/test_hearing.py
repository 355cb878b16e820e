"""What is read off a waveform: levels, words, gaps, and when a voice begins and ends."""

from __future__ import annotations

import pytest

from talkover.transports.hearing import Heard, listen, missing, words_heard
from talkover.transports.playback import Piece, Playback
from talkover.transports.tones import RATE, WORD_S, WORDS, tone


def answer(at: float, words: range = range(WORDS)) -> Playback:
    playback = Playback(0.0)
    for word in words:
        playback.take(tone(word), RATE, at)
    return playback


def heard(playback: Playback) -> Heard:
    return listen(playback.pieces)


def test_each_word_of_an_answer_is_told_from_the_others() -> None:
    found = heard(answer(10.0)).seconds(10.0, 20.0)
    assert set(found) == set(range(WORDS))
    assert all(abs(seconds - WORD_S) <= 0.03 for seconds in found.values())


def test_the_words_are_known_at_another_rate_too() -> None:
    pcm = b"".join(tone(5)[n : n + 2] for n in range(0, len(tone(5)), 6))  # 8 kHz
    found = listen([Piece(0.0, pcm, 8000)]).seconds(0.0, 1.0)
    assert found == pytest.approx({5: WORD_S}, abs=0.03)


def test_it_is_known_when_a_voice_begins_and_ends() -> None:
    sound = heard(answer(10.0))
    assert sound.first(5.0) == pytest.approx(10.0, abs=0.011)
    assert sound.last(10.0, 99.0) == pytest.approx(10.0 + WORDS * WORD_S, abs=0.02)
    assert sound.first(50.0) is None


def test_a_whole_answer_misses_nothing_and_half_of_one_half() -> None:
    assert missing(heard(answer(10.0)), 9.0, 30.0) < 0.01
    assert missing(heard(answer(10.0, range(WORDS // 2))), 9.0, 30.0) == pytest.approx(
        0.5, abs=0.01
    )
    assert missing(listen([]), 9.0, 30.0) == 1.0


def test_a_stall_within_an_answer_is_missing() -> None:
    playback = answer(10.0, range(8))
    for word in range(8, WORDS):
        playback.take(tone(word), RATE, 10.0 + 8 * WORD_S + 1.2)
    assert missing(heard(playback), 9.0, 30.0) == pytest.approx(0.2, abs=0.01)


def test_a_word_of_which_less_than_half_was_heard_does_not_count() -> None:
    playback = answer(10.0)
    playback.stop(10.0 + 4 * WORD_S + 0.05)
    assert words_heard(heard(playback), 10.0, 30.0) == 4


def test_a_loudspeaker_keeps_a_little_and_then_plays_without_a_break() -> None:
    playback = Playback(0.08)
    for n in range(5):
        playback.take(bytes(960), RATE, 1.0 + n * 0.02)
    starts = [piece.start for piece in playback.pieces]
    assert starts == pytest.approx([1.08, 1.10, 1.12, 1.14, 1.16])


def test_a_stopped_loudspeaker_is_silent_at_once_and_until_it_listens() -> None:
    playback = answer(10.0)
    playback.stop(11.0)
    playback.take(tone(0), RATE, 11.1)
    assert playback.end == pytest.approx(11.0) and playback.heard(10.0, 99.0) == pytest.approx(1.0)
    playback.listen()
    playback.take(tone(0), RATE, 12.0)
    assert playback.first(11.5, 13.0) == pytest.approx(12.0)
