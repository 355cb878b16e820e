"""What an agent is asked for each time, who is chosen, and what it listens for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from talkover import Agent, Session, Turn
from talkover.cluster.sqlite import SqliteLog
from talkover.engines.registry import Choice
from talkover.errors import AgentError
from talkover.media.port import MediaPort
from talkover.session.lobby import Lobby
from talkover.session.turn_settings import NextTurn
from talkover.testing import ScriptedLlm, Talk


def prompts(llm: ScriptedLlm) -> list[str]:
    return [str(asked[0]["content"]) for asked in llm.asked]


@pytest.mark.parametrize("slow", [False, True], ids=["plain", "async"])
def test_instructions_that_are_a_function_are_asked_for_in_each_reply(slow: bool):
    def plain(session: Session) -> str:
        session.state["turns"] = session.state.get("turns", 0) + 1
        return f"This is turn {session.state['turns']}."

    async def awaited(session: Session) -> str:
        await asyncio.sleep(0.01)
        return plain(session)

    llm = ScriptedLlm({"": "I see."})
    talk = Talk(Agent(awaited if slow else plain), llm=llm)
    talk.typed("one", at=0.0)
    talk.typed("two")
    talk.run()
    assert prompts(llm) == ["This is turn 1.", "This is turn 2."]


def test_an_own_brain_sees_them_too():
    agent, seen = Agent(lambda session: f"Speak to {session.user}."), list[Any]()

    @agent.reply
    async def reply(turn: Turn):
        seen.append(turn.messages[0]["content"])
        yield "Hello."

    talk = Talk(agent, user="ann")
    talk.user("hello there", at=0.0)
    talk.run()
    assert seen == ["Speak to ann."]


def test_instructions_that_never_come_end_the_turn_and_not_the_call():
    async def never(session: Session) -> str:
        await asyncio.sleep(3600)
        return ""

    agent = Agent(never)
    talk = Talk(agent, llm={"": "I see."})
    talk.user("hello there", at=0.0)
    result = talk.run()
    assert result.turns[0].heard == agent.apology, result
    assert any("instructions took more than 5 s" in error for error in result.errors)


@pytest.mark.parametrize(
    ("asked", "agent", "chosen"),
    [
        ({}, None, "desk"),
        ({"model": "billing"}, None, "billing"),
        ({"model": "gpt-realtime"}, None, "desk"),
        ({"model": "billing"}, "desk", "desk"),
    ],
)
async def test_a_model_may_be_an_agents_name(
    asked: dict[str, Any], agent: str | None, chosen: str
) -> None:
    agents = {"desk": Agent("The desk."), "billing": Agent("Billing.")}
    lobby = Lobby(
        MediaPort("127.0.0.1", 0), agents, Choice(), SqliteLog(None, "here", 3600.0)
    )  # fmt: skip
    lobby.ready = True
    session = lobby.attach(config=asked, agent=agent)
    assert session.cast.agent is agents[chosen] and session.cast.name == chosen
    await lobby.close()


def dictation(what: Any) -> Talk:
    agent = Agent("x")

    @agent.on("listen")
    async def listen(session: Session, _: None) -> None:
        await session.listen_for(what)

    return Talk(agent, llm={"": "I see."})


def test_a_number_is_waited_for_through_its_pauses_and_the_next_turn_is_as_usual():
    talk = dictation("number")
    talk.data("listen", None, at=0.0)
    talk.user("it is a b", 1.0, "c d e", at=0.5)
    quick = talk.user("what time is it?")
    result = talk.run()
    assert [turn.asked for turn in result.turns] == ["it is a b c d e", "what time is it?"], result
    answered = result.answer_after(quick)
    assert answered is not None and answered < 0.6, result


def test_without_it_the_same_pause_ends_the_turn():
    talk = Talk(Agent("x"), llm={"": "I see."})
    talk.user("it is a b", 1.0, "c d e", at=0.5)
    assert len(talk.run().replies) > 1


def test_a_word_is_answered_sooner():
    answers: list[float] = []
    for what in ("word", {"silence_ms": 900}):
        talk = dictation(what)
        talk.data("listen", None, at=0.0)
        said = talk.user("berlin", at=0.5)
        answered = talk.run().answer_after(said)
        assert answered is not None
        answers.append(answered)
    assert answers[0] + 0.3 < answers[1]


@pytest.mark.parametrize("wrong", ["music", {"silence": 3}])
def test_what_cannot_be_listened_for_is_refused(wrong: Any):
    talk = dictation(wrong)
    talk.data("listen", None, at=0.0)
    (error,) = talk.run().errors
    assert error.startswith("listen_for"), error


def test_the_error_says_what_there_is():
    with pytest.raises(AgentError, match="number, word, story"):
        NextTurn().expect("music")


def test_a_brain_that_never_yields_ends_in_the_apology():
    agent = Agent("x", apology="Bear with me.", reply_timeout=8.0)
    let_go: list[bool] = []

    @agent.reply
    async def reply(turn: Turn):
        if "first" in turn.text:
            yield "One moment. "
        try:
            await asyncio.sleep(3600)
        finally:
            let_go.append(True)
        yield "Never said."

    talk = Talk(agent)
    talk.user("hello there", at=0.0)
    talk.user("say something first", after_line=30.0)
    result = talk.run()
    silent, stopped = result.turns
    assert silent.status == stopped.status == "failed", result
    assert silent.heard == "Bear with me." and stopped.heard == "One moment. Bear with me.", result
    assert silent.began is not None and 8.0 < silent.began - result.done[0].ended < 9.5, result
    assert all("reply_timeout" in error for error in result.errors) and len(let_go) == 2


def test_a_brain_that_says_that_it_is_at_work_has_its_time():
    agent = Agent("x", reply_timeout=8.0)

    @agent.reply
    async def reply(turn: Turn):
        for _ in range(5):
            await asyncio.sleep(5)
            yield None
        yield "There it is."

    talk = Talk(agent)
    talk.user("take your time", at=0.0)
    result = talk.run()
    assert result.turns[0].heard == "There it is." and not result.errors, result


def test_a_brain_may_have_no_limit():
    agent = Agent("x", reply_timeout=None)

    @agent.reply
    async def reply(turn: Turn):
        await asyncio.sleep(100)
        return "At last."

    talk = Talk(agent)
    talk.user("take your time", at=0.0)
    assert talk.run().turns[0].heard == "At last."
    with pytest.raises(AgentError, match="reply_timeout=0"):
        Agent("x", reply_timeout=0)


def test_what_is_sent_is_what_it_was_then_whatever_becomes_of_it():
    agent, basket = Agent("x"), ["milk"]

    @agent.on("add")
    async def add(session: Session, item: str) -> None:
        await session.send("basket", basket)
        basket.append(item)

    talk = Talk(agent, llm={"": "I see."})
    talk.data("add", "tea", at=0.0)
    talk.data("add", "rice")
    assert talk.run().data == [("basket", ["milk"]), ("basket", ["milk", "tea"])]


def test_what_is_no_json_is_refused_where_it_is_sent():
    agent = Agent("x")

    @agent.on("go")
    async def go(session: Session, _: None) -> None:
        await session.send("thing", object())

    talk = Talk(agent, llm={"": "I see."})
    talk.data("go", None, at=0.0)
    talk.user("are you there?")
    result = talk.run()
    (error,) = result.errors
    assert error.startswith("session.send('thing', …): the data is no JSON"), result
    assert result.turns[0].heard == "I see." and not result.data
