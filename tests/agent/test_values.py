from __future__ import annotations

import array

import pytest

from talkover import Agent, Audio, TalkoverError
from talkover.agent import Session, Turn


def test_audio_takes_anything_with_the_buffer_protocol() -> None:
    samples = array.array("h", [1, 2, 3, 4])
    audio = Audio(samples, 8000)  # type: ignore[arg-type]
    assert audio.data == samples.tobytes()
    assert audio.seconds == 4 / 8000


def test_audio_of_odd_length_says_what_to_do() -> None:
    with pytest.raises(TalkoverError, match="int16"):
        Audio(b"123")


def test_an_unknown_policy_names_the_known_ones() -> None:
    with pytest.raises(TalkoverError, match="overlap"):
        Agent(interruptions="maybe")  # type: ignore[arg-type]


async def test_a_tool_reads_its_schema_off_the_signature_and_hides_what_is_injected() -> None:
    agent = Agent()

    @agent.tool
    async def weather(turn: Turn, city: str, days: int = 1) -> str:
        """The weather of a city."""
        return f"{turn} {city} {days}"

    tool = agent.tools["weather"]
    assert tool.description == "The weather of a city."
    assert tool.schema["properties"] == {
        "city": {"type": "string"},
        "days": {"type": "integer", "default": 1},
    }
    assert tool.schema["required"] == ["city"]
    given = {Turn: "T", Session: "S"}
    assert await tool.run({"city": "Rome", "days": 2}, given, "") == "T Rome 2"


async def test_wrong_arguments_of_a_tool_are_named() -> None:
    agent = Agent()

    @agent.tool
    def add(a: int, b: int) -> int:
        return a + b

    tool = agent.tools["add"]
    assert await tool.run({"a": 1, "b": 2}, {}, "") == 3
    with pytest.raises(TalkoverError, match="'b' is missing"):
        await tool.run({"a": 1}, {}, "")
    with pytest.raises(TalkoverError, match="add: a: "):
        await tool.run({"a": "x", "b": 2}, {}, "")
    with pytest.raises(TalkoverError, match="no argument 'c'"):
        await tool.run({"a": 1, "b": 2, "c": 3}, {}, "")


def test_a_tool_without_type_hints_is_refused_with_the_name() -> None:
    with pytest.raises(TalkoverError, match="'x' a type hint"):
        Agent().tool(lambda x: x)
