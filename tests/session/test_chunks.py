"""Text is cut where a speaker would breathe, and nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from talkover.session.chunks import LONGEST, Chunker, speakable


def cut(text: str, step: int = 3) -> list[str]:
    chunker, pieces = Chunker(), list[str]()
    for at in range(0, len(text), step):
        pieces += chunker.push(text[at : at + step])
    return pieces + chunker.flush()


def test_sentences_leave_as_soon_as_they_are_whole():
    assert cut("It is ten. Dr. Who said so! Bye") == ["It is ten. ", "Dr. Who said so! ", "Bye"]


def test_a_number_with_a_point_stays_whole():
    assert cut("Pi is 3.14 or so. Yes.") == ["Pi is 3.14 or so. ", "Yes."]


@given(st.text(), st.integers(1, 50))
def test_nothing_is_lost(text: str, step: int):
    assert "".join(cut(text, step)) == text


def test_a_text_without_sentences_is_cut_at_spaces():
    pieces = cut("word " * 200)
    assert all(len(piece) <= LONGEST for piece in pieces[:-1]) and len(pieces) > 3


def test_markdown_is_not_spoken_and_offsets_stay():
    assert speakable("**Bold** words") == "  Bold   words"
