"""Where another peer goes on with a reply's sound: at the word that was cut, with nothing lost."""

from __future__ import annotations

from talkover.session.unplayed import BACK_MS, Unplayed

RATE = 1000
"""A sample is a millisecond here."""


def pcm(began: int, ms: int) -> bytes:
    return b"".join(n.to_bytes(2, "little") for n in range(began, began + ms))


def two_sounds() -> Unplayed:
    made = Unplayed()
    made.add(pcm(0, 300), RATE, [0, 100, 200], guarded=False)
    made.add(pcm(300, 300), RATE, [0, 200], guarded=True)
    return made


def test_a_word_that_was_cut_is_said_again_from_its_start() -> None:
    rest = two_sounds().rest(130)
    assert (rest.began, rest.word) == (100, 1)
    assert b"".join(sound.pcm for sound in rest.sounds) == pcm(100, 500)
    assert [sound.offsets for sound in rest.sounds] == [[0, 100], [0, 200]]
    assert [sound.guarded for sound in rest.sounds] == [False, True]


def test_a_word_that_was_as_good_as_said_is_not_said_again() -> None:
    rest = two_sounds().rest(180)
    assert (rest.began, rest.word) == (180, 2)
    assert b"".join(sound.pcm for sound in rest.sounds) == pcm(180, 420)
    assert rest.sounds[0].offsets == [20]


def test_a_voice_without_marks_goes_on_at_the_sample() -> None:
    made = Unplayed()
    made.add(pcm(0, 400), RATE, [], guarded=False)
    rest = made.rest(250)
    assert (rest.began, rest.word) == (250, 0)
    assert rest.sounds[0].pcm == pcm(250, 150)


def test_what_is_long_past_is_let_go_and_its_words_still_count() -> None:
    made = two_sounds()
    long = int(BACK_MS) + 1000
    made.add(pcm(600, long), RATE, [0, 50], guarded=False)
    made.queued(0.0)
    rest = made.rest(600 + long - 10)
    assert len(rest.sounds) == 1
    assert rest.word == 7
    assert made.rest(0).began == 600


def test_all_of_it_was_played() -> None:
    rest = two_sounds().rest(600)
    assert rest.sounds == []
    assert rest.word == 5
