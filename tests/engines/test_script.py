"""The scripted demo says what it can, and that it is one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from talkover.engines.base import TextDelta, ToolCall
from talkover.engines.demo import numbers
from talkover.engines.demo.script import ScriptedModel

NOON = datetime(2026, 11, 24, 22, 42)


async def ask(text: str, tools: list[dict[str, Any]] | None = None) -> str:
    model = ScriptedModel(lambda: NOON)
    said = ""
    async for part in model.reply([{"role": "user", "content": text}], tools or []):
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
    ],
)
async def test_it_answers(text: str, answer: str):
    assert await ask(text) == answer


async def test_the_story_takes_over_a_minute():
    assert len((await ask("tell me a story")).split()) > 220


async def test_what_it_does_not_know_it_says():
    assert "scripted demo" in await ask("who won the election")


async def test_a_tool_is_called_by_its_name():
    tools = [
        {
            "type": "function",
            "function": {
                "name": "set_timer",
                "parameters": {"properties": {"seconds": {"type": "integer"}}},
            },
        }
    ]
    assert await ask("set a timer for two minutes", tools) == 'set_timer({"seconds": 120})'


async def test_an_answer_that_was_cut_off_goes_on_where_it_was_heard():
    async def rest(*messages: tuple[str, str]) -> str:
        history = [{"role": role, "content": content} for role, content in messages]
        parts = [part async for part in ScriptedModel().reply(history, [])]
        return "".join(part.text for part in parts if isinstance(part, TextDelta))

    story = await rest(("user", "tell me a story"))
    begun = " ".join(story.split()[:12])
    cut = ("assistant", f"Hello. {begun} [interrupted]")
    note = ("system", "The line broke.")
    assert await rest(("user", "tell me a story"), cut, note) == story[len(begun) + 1 :]
    again = (("user", "tell me a story"), cut, ("user", "tell me a story"))
    assert await rest(*again) == story, "who asks again hears it from the start"


def test_it_says_a_counted_number_back():
    model = ScriptedModel()
    assert model.while_speaking("one two three") == "Three."
    assert model.while_speaking("one of them") is None


def test_numbers_both_ways():
    for n in (0, 7, 15, 20, 42, 99):
        assert numbers.find(numbers.words(n)) == [n]
    assert numbers.find("what is two hundred plus twenty one") == [200, 21]
