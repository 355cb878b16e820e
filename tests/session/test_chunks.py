"""Text is cut where a speaker would breathe, and nothing is lost."""

from __future__ import annotations

import re

import pytest
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


FIRST: dict[str, tuple[str, str]] = {
    "English": ("Dr. Who said it is 3.14, or so.", " The next train is late."),
    "German": ("Es ist z. B. zehn Uhr!", " „Der Zug kommt.“ Bald."),
    "French": ("M. Roux, il est dix heures !", " Le train arrive."),
    "Spanish": ("¿Qué hora es, Sra. García?", " Son las diez."),
    "Chinese": ("他说“现在是十点。”", "火车来了。"),
    "Japanese": ("「今は十時です。」", "電車が来ます。"),
    "Hindi": ("अभी दस बजे हैं।", " ट्रेन आ रही है।"),
    "Arabic": ("هل الساعة العاشرة؟", " القطار قادم."),
}


@pytest.mark.parametrize("language", FIRST)
@pytest.mark.parametrize("token", [r".", r"\s*\S{1,4}", r"\s*\S+"], ids=["1", "4", "word"])
def test_the_first_sentence_leaves_with_the_token_after_its_last(language: str, token: str):
    first, second = FIRST[language]
    # Models begin a token with the space before its word, and no token with the end of another.
    tokens = [re.findall(token, part, re.DOTALL) for part in (first, second)]
    chunker, pieces = Chunker(), list[str]()
    for one in tokens[0]:
        pieces += chunker.push(one)
    assert pieces == []
    pieces += chunker.push(tokens[1][0])
    assert [piece.strip() for piece in pieces] == [first]
