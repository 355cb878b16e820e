"""Every example, in virtual time: what its user hears, and what its tools do."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cookbook.model_server import ModelServer
from pictures import RED

from talkover import Image
from talkover.cli.load import Source
from talkover.testing import Call, ScriptedLlm, Talk

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "examples").glob("*.py"))
GUESTS = ("own_langgraph.py", "own_pydantic_ai.py")
"""They show brains made of libraries that are too large to install for two files."""


def example(name: str) -> ModuleType:
    """A module of its own: what one test does to it, no other sees."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", FILES[0].with_stem(name))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_is_short_and_begins_with_how_to_run_it(file: Path):
    lines = file.read_text().splitlines()
    assert len(lines) < 100 and (file.stem != "hello" or len(lines) <= 10)
    run = "pytest" if file.stem.startswith("test_") else "talkover serve"
    assert f"{run} examples/{file.name}" in " ".join(lines[:8])
    compile(file.read_text(), file.name, "exec")


@pytest.mark.parametrize(
    "file",
    [f for f in FILES if f.name not in GUESTS and not f.stem.startswith("test_")],
    ids=lambda file: file.name,
)
def test_a_server_can_load_it(file: Path):
    assert Source(str(file)).load()


def test_hello_greets_and_answers():
    talk = Talk(example("hello").agent, llm={"ann": "Hello Ann, hello Ann!"})
    talk.user("This is Ann.")
    result = talk.run()
    assert result.unasked[0].heard == "Hello! Who is there?", result
    assert result.turns[0].heard == "Hello Ann, hello Ann!", result


# ---- brains of one's own -------------------------------------------------------------------------


def test_an_own_model_streams_its_answer_and_calls_the_agents_tools():
    module = example("own_llm")

    def answers(messages: list[dict[str, Any]]) -> str | dict[str, Any]:
        last = messages[-1]
        if last["role"] == "tool":
            return f"On Sunday we are {last['content']}."
        return {"name": "opening_hours", "arguments": {"day": "Sunday"}}

    server = ModelServer(answers)
    module.client = server.client()
    talk = Talk(module.agent)
    talk.user("Are you open on Sunday?")
    result = talk.run()
    assert result.turns[0].heard == "On Sunday we are closed.", result
    assert [(use.name, use.output) for use in result.tools] == [("opening_hours", "closed")]
    first, second = server.asked
    assert first["messages"][-1] == {"role": "user", "content": "Are you open on Sunday?"}
    assert first["tools"][0]["function"]["name"] == "opening_hours" and first["stream"]
    call, output = second["messages"][-2:]
    assert call["tool_calls"][0]["id"] == output["tool_call_id"]


def test_an_own_model_is_told_of_a_tool_that_fails():
    module = example("own_llm")

    def answers(messages: list[dict[str, Any]]) -> str | dict[str, Any]:
        failed = messages[-1]["role"] == "tool"
        return messages[-1]["content"] if failed else {"name": "opening_hours", "arguments": {}}

    module.client = ModelServer(answers).client()
    talk = Talk(module.agent)
    talk.user("When are you open?")
    result = talk.run()
    assert "the argument 'day' is missing" in result.turns[0].heard, result


def test_cutting_in_closes_the_request_of_an_own_model():
    module = example("own_llm")
    server = ModelServer(
        lambda messages: "Alright." if "stop" in str(messages[-1]) else "one two three " * 100
    )
    module.client = server.client()
    talk = Talk(module.agent)
    talk.user("Count, please.")
    talk.user("stop stop", after_audible=2.0)
    result = talk.run()
    assert result.turns[0].interrupted and server.closed_early == 1, result


# ---- tools ---------------------------------------------------------------------------------------


def test_the_test_of_an_own_agent_passes_where_its_reader_runs_it():
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, "-q", "examples/test_tools.py"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": "python"}, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert run.returncode == 0 and "5 passed" in run.stdout, run.stdout + run.stderr


def test_posters_are_printed_behind_the_conversation_and_spoken_of_when_ready():
    llm = {
        "are ready": "Your {result}.",
        "poster": [Call("print_poster", {"motif": "a fox", "copies": 3}), "I am printing them."],
        "weather": "It is lovely.",
    }
    talk = Talk(example("background").agent, llm=llm)
    talk.user("Three posters of a fox, please.")
    talk.user("How is the weather?")
    talk.wait(30)
    result = talk.run()
    assert [turn.heard for turn in result.turns] == ["I am printing them.", "It is lovely."], result
    assert result.unasked[-1].heard == "Your 3 posters of a fox are ready.", result
    assert result.data[-1] == ("printed", {"done": 3, "of": 3})


# ---- eyes ----------------------------------------------------------------------------------------


def test_the_photo_that_is_taken_is_shown_to_the_seller():
    llm = {"photo": [Call("take_photo", {}), "{result}"]}
    talk = Talk(example("vision").agent, llm=llm)
    talk.film(Image(RED))
    talk.user("Take a photo, please.")
    result = talk.run()
    assert [picture.data for picture in result.shown] == [RED], result
    assert result.turns[0].heard == "The photo is taken, and they see it.", result


def test_the_model_itself_looks_through_the_camera():
    llm = ScriptedLlm({"worth": [Call("look", {}), "Ten euros."]})
    talk = Talk(example("vision").agent, llm=llm)
    talk.film(Image(RED))
    talk.user("What is this worth?")
    result = talk.run()
    assert result.turns[0].heard == "Ten euros.", result
    assert "data:image/webp" in str(llm.asked[-1])


def test_without_a_camera_it_asks_for_one():
    talk = Talk(example("vision").agent, llm={"photo": [Call("take_photo", {}), "{result}"]})
    talk.user("Take a photo, please.")
    result = talk.run()
    assert "turn on the camera" in result.turns[0].heard and not result.shown, result


# ---- the floor -----------------------------------------------------------------------------------


def test_the_interpreter_speaks_while_the_user_does_and_misses_no_word():
    module = example("interpreter")
    server = ModelServer(lambda messages: messages[-1]["content"].upper())
    module.client = server.client()
    talk = Talk(module.agent)
    speech = talk.user(
        "ladies and gentlemen I am very glad that so many of you came here today to see the fox"
    )
    talk.wait(8)
    result = talk.run()
    spoken = [reply for reply in result.replies if reply.said != module.agent.greeting]
    began = spoken[0].began
    assert began is not None and began < result.finished(speech) - 1, "it overlaps"
    said = " ".join(reply.heard for reply in spoken).split()
    assert said == [word.upper() for word in str(speech).split()], result


def test_the_radio_answers_when_the_button_is_let_go():
    agent = example("push_to_talk").agent
    talk = Talk(agent, llm={"fire": "Two engines are on their way."})
    talk.user("There is a fire", 2.0, "in the old mill")
    talk.commit()
    talk.user("radio check")
    talk.commit()
    result = talk.run()
    assert [turn.asked for turn in result.turns] == [
        "There is a fire in the old mill", "radio check",
    ], result  # fmt: skip
    assert [turn.heard for turn in result.turns] == [
        "Two engines are on their way. Over.", "Loud and clear. Over.",
    ], result  # fmt: skip


# ---- agents and applications ---------------------------------------------------------------------


def test_billing_takes_over_and_waits_for_a_number_said_in_groups():
    module = example("handoff")
    llm = {
        "bill": [Call("to_billing", {"reason": "a bill"}), "Your number, please."],
        "four seven": [Call("find_bill", {"number": "47 11"}), "You owe {result}."],
    }
    talk = Talk(module.desk, llm=llm, agents={"billing": module.billing})
    talk.user("I have a question about my bill")
    talk.user("four seven", 1.1, "one one")
    result = talk.run()
    assert [turn.asked for turn in result.turns][-1] == "four seven one one", result
    assert result.turns[-1].heard == "You owe 12 euros, due on Friday.", result
    (handed,) = [event for event in result.events if event["type"] == "talkover.agent"]
    assert handed["agent"] == "billing"


def test_the_shopping_list_is_on_the_page_in_the_talk_and_there_the_next_time(tmp_path: Path):
    module = example("application_data")
    module.FOLDER = tmp_path / "lists"
    llm = ScriptedLlm({"need": [Call("add", {"items": ["milk", "tea"]}), "Noted."], "": "I see."})
    talk = Talk(module.agent, llm=llm, user="ann")
    talk.user("I need milk and tea")
    talk.data("tick", {"item": "milk"})
    result = talk.run()
    assert result.data == [("list", []), ("list", ["milk", "tea"]), ("list", ["tea"])], result

    talk = Talk(module.agent, llm=llm, user="ann")
    talk.user("What is on it?")
    talk.data("tick", {"item": "tea"})
    result = talk.run()
    assert llm.asked[-1][0]["content"] == "You keep a shopping list. On it: tea."
    assert result.unasked[-1].heard == "That was the last one!", result
