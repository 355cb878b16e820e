"""Words that come before their sound are matched to it."""

from __future__ import annotations

from talkover.session.alignment import Alignment
from talkover.turn.heard import MS_PER_CHARACTER

TEXT = "One two three four."


def test_words_wait_for_sound_that_can_have_said_them():
    alignment = Alignment()
    alignment.words(TEXT)
    assert alignment.sound(1.0) == ""
    assert alignment.sound(3 * MS_PER_CHARACTER) == "One"
    assert alignment.sound(4 * MS_PER_CHARACTER) == " two"


def test_all_pieces_together_are_the_text():
    alignment = Alignment()
    said = ""
    for begin in range(0, len(TEXT), 5):
        alignment.words(TEXT[begin : begin + 5])
        said += alignment.sound(4 * MS_PER_CHARACTER)
    assert said + alignment.rest() == TEXT
    assert alignment.rest() == ""
