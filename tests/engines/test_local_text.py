"""What becomes of a text before a local voice speaks it."""

from __future__ import annotations

import pytest

from talkover.engines.local.clauses import MOST, clauses
from talkover.engines.local.kokoro import adapted
from talkover.engines.local.phonemes import Phonemes


def test_text_is_cut_into_clauses_that_begin_soon():
    text = "Well, my friend, it is 3.5 km to go. Are you ready? Yes."
    assert clauses(text) == ["Well, my friend,", "it is 3.5 km to go.", "Are you ready?", "Yes."]
    assert clauses("") == clauses(" ... !") == []
    assert clauses("word " * 200)[0] == ("word " * 48).strip()
    assert all(0 < len(one) <= MOST for one in clauses("word " * 200 + "x" * 1000))
    assert clauses("x" * 1000 + " end")[-1].endswith("end")


def test_phonemes_keep_the_marks_of_the_text():
    phonemes = Phonemes()
    assert phonemes.of("Hello there, my friend. How are you?", "en-us") == (
        "həlˈoʊ ðˈɛɹ, maɪ fɹˈɛnd. hˈaʊ ɑːɹ juː?"
    )
    assert phonemes.of("...", "en-us") == ""
    assert phonemes.of("It is 3.5!", "en-us").endswith("!")
    with pytest.raises(ValueError, match="no language 'xx'"):
        phonemes.of("Hello", "xx")


def test_kokoro_has_one_letter_for_each_diphthong_of_english():
    assert adapted("həlˈoʊ, bˈɜːd tʃˈeɪs", "en-us") == "həlˈO, bˈɜɹd ʧˈAs"
    assert adapted("həlˈəʊ, bˈɜːd", "en") == "həlˈQ, bˈɜːd"
    assert adapted("tʃao", "it") == "tʃao"
