"""The recogniser's process: who is listened to when, whatever the words are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from talkover.engines import frames
from talkover.engines.demo.ear_worker import MOST_WAITING, STEP, USUAL, Ears, Listener
from talkover.engines.demo.second_look import SecondLook

SECOND = 32000


class Decoder:
    """Counts what it hears, in place of pocketsphinx's."""

    def __init__(self) -> None:
        self.heard = 0

    def start_utt(self) -> None:
        self.heard = 0

    def end_utt(self) -> None:
        pass

    def process_raw(self, pcm: bytes, full_utt: bool = False) -> None:
        self.heard += len(pcm)

    def hyp(self) -> SimpleNamespace:
        return SimpleNamespace(hypstr="words")

    def seg(self) -> tuple[()]:
        return ()

    def lookup_word(self, word: str) -> None:
        return None

    def activate_search(self, name: str) -> None:
        pass

    def set_cmn(self, mean: str) -> None:
        self.mean = mean

    def get_cmn(self, update: bool) -> str:
        return "41,-5"


def listener() -> Listener:
    return Listener(Decoder(), Decoder(), SecondLook(Decoder()))


def answers(written: bytes) -> list[int]:
    """Whose final words were written, in order."""
    unread, found = bytearray(written), list[int]()
    while unread:
        size, stream, kind = frames.HEAD.unpack_from(unread)
        if kind == b"W":
            found.append(stream)
        del unread[: frames.HEAD.size + size]
    return found


def test_a_long_utterance_holds_up_nobody(capsysbinary: pytest.CaptureFixture[bytes]):
    ears = Ears(listener)
    ears.handle(1, b"A", bytes(60 * SECOND))
    ears.handle(1, b"F", b"1")
    ears.handle(2, b"A", bytes(SECOND))
    ears.handle(2, b"F", b"1")
    steps = 0
    while not (done := answers(capsysbinary.readouterr().out)):
        assert ears.step()
        steps += 1
    assert done == [2] and steps <= 2 * (SECOND // STEP + 3)
    while ears.step():
        pass
    assert answers(capsysbinary.readouterr().out) == [1]


def test_words_are_of_all_that_was_said_before_they_were_asked_for():
    made: list[Listener] = []

    def make() -> Listener:
        made.append(listener())
        return made[-1]

    ears = Ears(make)
    for _ in range(50):
        ears.handle(1, b"A", bytes(640))
    ears.handle(1, b"F", b"7")
    while ears.step():
        pass
    assert made[0].grammar.heard == 50 * 640 and made[0].ended


def test_what_is_over_is_decoded_no_further_and_its_listener_is_free():
    made: list[Listener] = []

    def make() -> Listener:
        made.append(listener())
        return made[-1]

    ears = Ears(make)
    ears.handle(1, b"A", bytes(60 * SECOND))
    ears.step()
    assert ears.step()
    ears.handle(1, b"Z", b"")
    assert not ears.step()
    ears.handle(2, b"A", bytes(SECOND))
    while ears.step():
        pass
    assert len(made) == 1 and made[0].grammar.heard == SECOND


def test_a_caller_is_heard_by_the_mean_of_before_and_the_next_caller_by_none(
    capsysbinary: pytest.CaptureFixture[bytes],
):
    made: list[Listener] = []

    def make() -> Listener:
        made.append(listener())
        return made[-1]

    ears = Ears(make)
    ears.handle(1, b"A", bytes(SECOND))
    ears.handle(1, b"F", b"1")
    while ears.step():
        pass
    assert b'"mean": "41,-5"' in capsysbinary.readouterr().out
    ears.handle(1, b"Z", b"")
    ears.handle(2, b"C", b"41,-5")
    ears.handle(2, b"A", bytes(SECOND))
    while ears.step():
        pass
    assert made[0].grammar.mean == made[0].general.mean == "41,-5"
    ears.handle(2, b"Z", b"")
    assert made[0].grammar.mean == made[0].general.mean == USUAL


def test_so_much_is_read_ahead_and_no_more():
    ears = Ears(listener)
    for _ in range(MOST_WAITING // SECOND + 1):
        ears.handle(1, b"A", bytes(SECOND))
    assert ears.full
    while ears.step():
        pass
    assert not ears.full
    ears.handle(1, b"A", bytes(2 * MOST_WAITING))
    assert ears.full
    ears.handle(1, b"Z", b"")
    assert not ears.full and not ears.step()
