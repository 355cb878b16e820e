"""Pictures both ways in scripted conversations: looking, showing, and what the model is given."""

from __future__ import annotations

import base64
import importlib.util
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from pictures import BLUE, LOSSLESS, RED

from talkover import Agent, Image, Session, TalkoverError, Turn
from talkover.testing import Call, ScriptedLlm, Talk


def looking(timeout: float = 1.0) -> tuple[Agent, list[Image | None]]:
    agent, seen = Agent(), list[Image | None]()

    @agent.reply
    async def reply(turn: Turn) -> AsyncGenerator[str]:
        seen.append(await turn.look(timeout))
        yield "I see."

    return agent, seen


def data_urls(messages: list[dict[str, Any]]) -> list[str]:
    parts = [part for m in messages if isinstance(m["content"], list) for part in m["content"]]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def data_url(webp: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"


def test_a_turn_looks_at_what_the_camera_shows_then():
    agent, seen = looking()
    talk = Talk(agent)
    talk.film(Image(RED), at=0.0)
    talk.user("what is this", at=1.0)
    talk.film(Image(BLUE))
    talk.user("and this")
    result = talk.run()
    red, blue = seen
    assert red is not None and blue is not None, result
    assert (red.data, red.mime, red.width, red.height) == (RED, "image/webp", 64, 48)
    assert blue.data == BLUE
    # On the clock of the facts: between the end of the words and the answer.
    began = result.turns[1].began
    assert began is not None
    assert result.finished(talk._steps[3]) <= blue.at <= began  # pyright: ignore[reportPrivateUsage]


def test_without_a_camera_a_look_is_none_at_once_and_nobody_waits():
    agent, seen = looking(timeout=30)
    talk = Talk(agent)
    asked = talk.user("what is this", at=0.0)
    result = talk.run()
    assert seen == [None]
    answered = result.answer_after(asked)
    assert answered is not None and answered < 2


def test_a_camera_that_was_turned_off_shows_nothing_any_more():
    agent, seen = looking()
    talk = Talk(agent)
    talk.film(Image(RED), at=0.0)
    talk.film(None, at=0.5)
    talk.user("what is this", at=1.0)
    talk.run()
    assert seen == [None]


def test_the_model_may_ask_to_look_and_is_given_the_picture_once():
    llm = ScriptedLlm({"this": [Call("look", {}), "It is red."], "else": "No idea."})
    talk = Talk(Agent("Be brief."), llm=llm)
    talk.film(Image(RED), at=0.0)
    talk.user("what is this", at=0.5)
    talk.user("and what else")
    result = talk.run()
    assert [turn.heard for turn in result.turns] == ["It is red.", "No idea."], result
    assert [tool.name for tool in result.tools] == ["look"]
    asked, shown, later = llm.asked[0], llm.asked[1], llm.asked[-1]
    assert data_urls(asked) == []
    assert data_urls(shown) == [data_url(RED)]
    assert shown[-1]["role"] == "user" and shown[-2]["role"] == "tool"
    assert data_urls(later) == [], "pictures do not pile up in the conversation"


def test_without_a_camera_the_model_is_not_offered_to_look():
    offered: list[list[str]] = []

    class Model(ScriptedLlm):
        def reply(self, messages: Any, tools: list[dict[str, Any]], **given: Any) -> Any:
            offered.append([tool["function"]["name"] for tool in tools])
            return super().reply(messages, tools, **given)

    talk = Talk(Agent("Be brief."), llm=Model({"": "I see."}))
    talk.user("hello there", at=0.0)
    talk.film(Image(RED))
    talk.user("hello again")
    talk.run()
    assert offered[0] == [] and offered[-1] == ["look"]


def test_a_tool_of_the_agents_own_called_look_is_the_one_that_runs():
    agent = Agent("Be brief.")

    @agent.tool(safe=True)
    def look() -> str:
        return "an own tool"

    talk = Talk(agent, llm={"": [Call("look", {}), "It is {result}."]})
    talk.film(Image(RED), at=0.0)
    talk.user("what is this", at=0.5)
    assert [turn.heard for turn in talk.run().turns] == ["It is an own tool."]


def test_every_turn_brings_its_picture_and_only_its_own():
    llm = ScriptedLlm({"": "I see."})
    talk = Talk(Agent("Be brief.", vision="every_turn"), llm=llm)
    talk.film(Image(RED), at=0.0)
    talk.user("what is this", at=0.5)
    talk.film(Image(BLUE))
    talk.user("and this")
    talk.run()
    assert data_urls(llm.asked[0]) == [data_url(RED)]
    assert data_urls(llm.asked[-1]) == [data_url(BLUE)]
    last = llm.asked[-1][-1]
    assert last["role"] == "user"
    assert last["content"][0] == {"type": "text", "text": "and this"}


def test_with_a_pace_the_newest_of_its_pictures_goes_with_the_turn():
    llm = ScriptedLlm({"": "I see."})
    talk = Talk(Agent("Be brief.", vision=2.0), llm=llm)
    talk.film(Image(RED), at=0.0)
    talk.film(Image(BLUE), at=3.0)
    # The picture of second 2 is of the red one, that of second 4 of the blue one… but a camera
    # that comes on is looked at right away.
    talk.user("what is this", at=3.2)
    talk.film(None, at=8.0)
    talk.user("and now", at=9.0)
    talk.run()
    assert data_urls(llm.asked[0]) == [data_url(BLUE)]
    assert data_urls(llm.asked[-1]) == []


def test_an_own_brain_shows_pictures_among_its_words():
    agent = Agent()

    @agent.reply
    async def reply(turn: Turn) -> AsyncGenerator[str | Image]:
        yield "Look at this red one. "
        yield Image(RED)
        yield "And this is blue."
        yield Image(BLUE)

    talk = Talk(agent)
    talk.film(None, at=0.0)
    talk.user("show me", at=0.5)
    result = talk.run()
    assert [image.data for image in result.shown] == [RED, BLUE], result
    assert result.turns[0].heard == "Look at this red one. And this is blue."
    assert all(image.at > result.turns[0].made for image in result.shown)


def test_who_cuts_in_is_not_shown_what_was_to_come():
    agent = Agent()

    @agent.reply
    async def reply(turn: Turn) -> AsyncGenerator[str | Image]:
        if turn.text == "stop":
            yield "Alright."
            return
        yield "A very long story that goes on and on, and on, until the evening comes. " * 4
        yield Image(RED)

    talk = Talk(agent)
    talk.film(None, at=0.0)
    talk.user("show me", at=0.5)
    talk.user("stop", after_audible=1.0)
    result = talk.run()
    assert result.turns[0].interrupted and result.shown == [], result


def test_a_caller_without_video_is_shown_nothing_and_the_agent_is_told():
    agent, told = Agent(), list[bool]()

    @agent.start
    async def start(session: Session) -> None:
        told.append(await session.show(Image(RED)))

    talk = Talk(agent, llm={"": "I see."})
    talk.user("hello there", at=0.5)
    result = talk.run()
    assert told == [False] and result.shown == [] and result.errors == []


def test_what_is_no_picture_is_an_error_that_says_what_to_do():
    agent, errors = Agent(), list[str]()

    @agent.on("show")
    async def show(session: Session, data: str) -> None:
        try:
            await session.show(Image(LOSSLESS if data == "lossless" else b"not a picture"))
        except TalkoverError as error:
            errors.append(str(error))

    talk = Talk(agent, llm={"": "I see."})
    talk.film(None, at=0.0)
    talk.data("show", "lossless", at=0.2)
    talk.data("show", "junk", at=0.3)
    talk.user("hello", at=0.5)
    result = talk.run()
    if importlib.util.find_spec("PIL") is None:
        assert "lossy" in errors[0] and "talkover[images]" in errors[0], errors
        assert "not a WebP" in errors[1]
    else:
        assert len(result.shown) == 1 and "cannot be opened" in errors[0]


def test_an_unknown_vision_names_the_known_ones():
    for wrong in ("always", 0.1, 0, -1, None, True):
        with pytest.raises(TalkoverError, match="every_turn"):
            Agent(vision=wrong)  # type: ignore[arg-type]
