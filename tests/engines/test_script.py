"""The scripted demo says what it can, and that it is one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from talkover.engines.base import TextDelta, ToolCall
from talkover.engines.demo import numbers
from talkover.engines.demo.script import HOW_LONG, NO_MORE, PUZZLED, ScriptedModel

NOON = datetime(2026, 11, 24, 22, 42)


TIMER = {
    "type": "function",
    "function": {
        "name": "set_timer",
        "parameters": {"properties": {"seconds": {"type": "integer"}}},
    },
}


async def ask(text: str, tools: list[dict[str, Any]] | None = None) -> str:
    return await answer(("user", text), tools=tools)


async def answer(*messages: tuple[str, str], tools: list[dict[str, Any]] | None = None) -> str:
    """What it says, or which tool it calls."""
    history = [{"role": role, "content": content} for role, content in messages]
    said = ""
    async for part in ScriptedModel(lambda: NOON).reply(history, tools or []):
        if isinstance(part, TextDelta):
            said += part.text
        elif isinstance(part, ToolCall):
            said += f"{part.name}({part.arguments})"
    return said


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("what time is it", "It is ten forty-two in the afternoon."),
        ("What day is it?", "It is Tuesday, November 24."),
        ("what is twelve times seven", "Twelve times seven is eighty-four."),
        ("what's 3 + 4", "Three plus four is seven."),
        ("count to three", "One. Two. Three."),
        ("repeat after me good morning", "Good morning."),
        ("spell apple", "A, P, P, L, E."),
        ("thank you", "You are welcome."),
        ("one two three", "You counted to three."),
        ("Hey, could you please tell me the time?", "It is ten forty-two in the afternoon."),
        ("what's a hundred and five minus 5", "One hundred and five minus five is one hundred."),
        ("what is 3.5 + 2", "I can only work with two whole numbers, such as twelve times seven."),
        (
            "one plus two plus three",
            "I can only work with two whole numbers, such as twelve times seven.",
        ),
        ("count from four to six", "Four. Five. Six."),
        ("hello, what is six multiplied by seven", "Six times seven is forty-two."),
        ("how are you today", "Very well, for a script. Ask me: what can you do?"),
    ],
)
async def test_it_answers(text: str, answer: str):
    assert await ask(text) == answer


async def test_the_story_takes_over_a_minute():
    assert len((await ask("tell me a story")).split()) > 220


@pytest.mark.parametrize(
    "text",
    [
        "who won the election", "is it time to book a table for two", "no more messages",
        "cancel the timer", "do not set a timer for ten seconds", "set a timer for my mother",
        "what time does the train to london leave", "thank you for holding the line",
    ],
)  # fmt: skip
async def test_what_it_does_not_know_it_neither_does_nor_repeats(text: str):
    assert await ask(text, [TIMER]) == (
        "Sorry, I did not understand that. Try: what time is it, or: tell me a story."
    )


async def test_who_is_not_understood_twice_is_told_another_way():
    first = await answer(("user", "who won the election"))
    again = await answer(("assistant", first), ("user", "who won it"))
    assert first.startswith(PUZZLED) and again.startswith(PUZZLED) and again != first


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("set a timer for two minutes", 120), ("please start a timer for ten seconds", 10),
        ("set a timer for one minute and thirty seconds", 90),
        ("make a timer of half an hour", 1800), ("set a ten second timer", 10),
        ("set a timer for a minute and a half", 90), ("timer for two and a half minutes", 150),
    ],
)  # fmt: skip
async def test_a_timer_is_as_long_as_was_said(text: str, seconds: int):
    assert await ask(text, [TIMER]) == f'set_timer({{"seconds": {seconds}}})'


async def test_a_timer_without_a_length_is_asked_about_and_not_set():
    question = await ask("set a timer", [TIMER])
    assert question == HOW_LONG
    asked = [("user", "set a timer"), ("assistant", question)]
    assert await answer(*asked, ("user", "ten seconds"), tools=[TIMER]) == (
        'set_timer({"seconds": 10})'
    )
    assert PUZZLED in await answer(*asked, ("user", "my ten seconds of fame"), tools=[TIMER])
    assert PUZZLED in await ask("ten seconds", [TIMER]), "nobody asked for a timer"


async def test_an_answer_that_was_cut_off_goes_on_where_it_was_heard():
    story = await answer(("user", "tell me a story"))
    begun = " ".join(story.split()[:12])
    cut = ("assistant", f"Hello. {begun} [interrupted]")
    note = ("system", "The line broke.")
    assert await answer(("user", "tell me a story"), cut, note) == story[len(begun) + 1 :]
    again = (("user", "tell me a story"), cut, ("user", "tell me a story"))
    assert await answer(*again) == story, "who asks again hears it from the start"


async def test_whoever_says_go_on_hears_the_rest_of_what_was_interrupted():
    story = await answer(("user", "tell me a story"))
    begun, more = story[: story.index("Every")].strip(), story[: story.index("One winter")].strip()
    stopped = (("user", "tell me a story"), ("assistant", f"{begun} [interrupted]"))
    aside = (("user", "hold on a second"), ("assistant", "Okay."), ("user", "please go on"))
    assert await answer(*stopped, *aside) == story[len(begun) + 1 :]
    further = ("assistant", f"{more[len(begun) + 1 :]} [interrupted]")
    assert await answer(*stopped, *aside, further, ("user", "continue")) == story[len(more) + 1 :]
    assert await ask("go on") == NO_MORE, "nothing was interrupted"
    greeted = ("assistant", "Hello there, ask [interrupted]")
    assert await answer(greeted, ("user", "go on")) == NO_MORE, "it was no answer"


async def test_what_was_said_last_is_said_again():
    said = [("user", "what is two plus two"), ("assistant", "Two plus two is four.")]
    assert await answer(*said, ("user", "Say that again, please.")) == "Two plus two is four."
    assert await ask("come again") == NO_MORE, "nothing was said yet"


def test_it_says_a_counted_number_back():
    model = ScriptedModel()
    assert model.while_speaking("one two three") == "Three."
    assert model.while_speaking("one of them") is None


def test_numbers_both_ways():
    for n in (0, 7, 15, 20, 42, 99):
        assert numbers.find(numbers.words(n)) == [n]
    assert numbers.find("what is two hundred plus twenty one") == [200, 21]
    assert numbers.find("one thousand two hundred and five, or 20 5") == [1205, 20, 5]
    assert [numbers.seconds(t) for t in ("hour", "ten", "a minute 5")] == [None] * 3
    assert numbers.seconds("half of an hour") == 1800
