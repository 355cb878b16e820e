"""What was heard of a reply, with and without marks."""

from __future__ import annotations

from talkover.turn.heard import HeardTable


def marked() -> HeardTable:
    table = HeardTable()
    table.begin("a", 0, "One two three. ")
    table.add(500, [(0, 0), (300, 4)])
    table.add(500, [(100, 8)])
    table.begin("a", 15, "Four.")
    table.add(400, [(0, 0)])
    table.finish()
    return table


def test_a_word_is_heard_when_half_of_it_was():
    table = marked()
    text = "One two three. Four."
    heard = {ms: text[: table.heard("a", ms).characters] for ms in (0, 100, 200, 440, 460, 900)}
    assert heard == {
        0: "",
        100: "",
        200: "One",
        440: "One",
        460: "One two",
        900: "One two three.",
    }
    assert table.heard("a", 460).exact


def test_all_of_it_is_heard_at_its_end():
    heard = marked().heard("a", 1400)
    assert (heard.characters, heard.played_ms, heard.exact) == (20, 1400, True)


def test_words_are_found_by_the_number_of_their_mark():
    table = marked()
    word = table.word(3)
    assert word is not None and (word.text, word.start, word.end) == ("Four.", 15, 20)
    assert table.word(4) is None


def test_without_marks_whole_words_are_estimated_and_flagged():
    table = HeardTable()
    table.begin("a", 0, "alpha beta gamma delta")
    table.add(2200, [])
    table.finish()
    heard = table.heard("a", 1100)
    assert "alpha beta gamma delta"[: heard.characters] == "alpha beta"
    assert not heard.exact


def test_the_second_item_counts_from_its_own_beginning():
    table = HeardTable()
    table.begin("a", 0, "Hello.")
    table.add(500, [(0, 0)])
    table.begin("b", 0, "World.")
    table.add(500, [(0, 0)])
    table.finish()
    assert table.heard("a", 800).played_ms == 500
    assert table.heard("b", 800).played_ms == 300
    assert table.heard("b", 400).characters == 0
