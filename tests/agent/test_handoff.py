"""Another agent takes the call, and the conversation goes on."""

from __future__ import annotations

from typing import Any

import pytest
from session.test_past import records

from talkover import Agent, Session, Turn
from talkover.protocol import facts as f
from talkover.session.past import past
from talkover.testing import Call, Result, ScriptedLlm, Talk


def pair() -> tuple[Agent, Agent]:
    concierge = Agent("You are the concierge.", voice="alba")
    billing = Agent("You are billing.", voice="bruno", greeting="Billing here.")

    @concierge.tool
    async def to_billing(session: Session) -> str:
        """Connect the caller with billing."""
        await session.handoff(billing)
        return "connected"

    @billing.start
    async def start(session: Session) -> None:
        session.state["desk"] = "billing"

    @billing.tool
    async def invoice(session: Session) -> str:
        """The last invoice."""
        return f"{session.state['desk']}: ten euros"

    return concierge, billing


def answers(messages: list[dict[str, Any]]) -> Any:
    me = messages[0]["content"]
    said = [str(one["content"]) for one in messages if one["role"] == "user"][-1]
    if "concierge" in me:
        return [Call("to_billing", {}), "I must not say this."] if "bill" in said else "Welcome."
    return [Call("invoice", {}), "{result}."] if "again" in said else "Your bill is ten euros."


class Answers(ScriptedLlm):
    """Begins to answer anew where another agent's tool ran before."""

    def _parts(self, messages: list[dict[str, Any]]) -> list[Any]:
        others = "billing" in messages[0]["content"] and messages[-1]["content"] == "connected"
        return super()._parts(messages[:-2] if others else messages)


def talk_to(concierge: Agent, billing: Agent) -> tuple[Talk, Answers]:
    llm = Answers(answers)
    return Talk(concierge, llm=llm, agents={"billing": billing}), llm


def seen(result: Result, kind: str) -> list[dict[str, Any]]:
    return [event for event in result.events if event["type"] == kind]


def test_from_within_a_tool_the_new_agent_answers_and_knows_all_that_was_said():
    talk, llm = talk_to(*pair())
    talk.user("Hello there", at=0.0)
    talk.user("I have a question about my bill")
    result = talk.run()
    assert [one.heard for one in result.replies if one.heard] == [
        "Welcome.", "Your bill is ten euros.",
    ], result  # fmt: skip
    asked = llm.asked[-1]
    assert asked[0]["content"] == "You are billing." and "Hello there" in str(asked)
    assert len(llm.asked) == 3, "the one that handed off is asked nothing more"


def test_its_tools_its_start_and_its_voice_are_the_new_ones():
    talk, _ = talk_to(*pair())
    talk.user("I have a question about my bill", at=0.0)
    talk.user("what was that again")
    result = talk.run()
    assert result.replies[-1].heard == "billing: ten euros.", result
    (event,) = seen(result, "talkover.agent")
    assert event["agent"] == "billing" and seen(result, "session.updated")
    assert past(records(result.entries)).agent == "billing"


def test_outside_a_reply_nobody_speaks_until_somebody_does():
    concierge, billing = pair()

    @concierge.on("desk")
    async def desk(session: Session, name: str) -> None:
        await session.handoff(name)

    talk, llm = talk_to(concierge, billing)
    talk.data("desk", "billing", at=0.5)
    talk.user("what do I owe", at=2.0)
    result = talk.run()
    assert [one.heard for one in result.replies] == ["Your bill is ten euros."], result
    assert len(llm.asked) == 1


def test_handed_off_at_the_start_the_new_agent_greets():
    concierge, billing = pair()
    concierge.greeting = "Concierge here."

    @concierge.start
    async def start(session: Session) -> None:
        await session.handoff("billing")

    talk, _ = talk_to(concierge, billing)
    talk.wait(3)
    assert [one.heard for one in talk.run().replies] == ["Billing here."]


def test_an_own_brain_hands_off_after_what_it_says():
    concierge, billing = pair()

    @concierge.reply
    async def reply(turn: Turn):
        yield "I will connect you."
        await turn.session.handoff(billing)

    talk, _ = talk_to(concierge, billing)
    talk.user("I have a question", at=0.0)
    result = talk.run()
    assert [one.heard for one in result.replies] == [
        "I will connect you.", "Your bill is ten euros.",
    ], result  # fmt: skip


def test_after_is_told_to_the_agent_that_answered():
    concierge, billing = pair()
    told: list[str] = []

    @concierge.after
    async def after(turn: Turn) -> None:
        told.append(turn.heard)

    talk, _ = talk_to(concierge, billing)
    talk.user("Hello there", at=0.0)
    talk.user("I have a question about my bill")
    talk.run()
    assert told == ["Welcome.", ""]


def test_an_agent_that_is_not_served_cannot_have_the_call():
    concierge, _ = pair()
    talk = Talk(concierge, llm=Answers(answers))
    talk.user("I have a question about my bill", at=0.0)
    result = talk.run()
    (use,) = [use for reply in result.replies for use in reply.tools]
    assert use.phase == "failed" and "no such agent" in str(use.output)
    assert not [fact for fact in result.facts if isinstance(fact, f.HandedOff)]


@pytest.mark.parametrize("wrong", ["from", "to"])
def test_an_agent_without_turns_takes_part_in_no_handoff(wrong: str):
    concierge, billing = pair()

    async def listen(session: Session):
        async for words in session.words():
            if wrong == "from" and words.final:
                await session.handoff(billing)
            yield None

    (concierge if wrong == "from" else billing).live(listen)
    talk, _ = talk_to(concierge, billing)
    talk.user("I have a question about my bill", at=1.0)
    result = talk.run()
    said = result.errors + [str(use.output) for one in result.replies for use in one.tools]
    assert any("no turns to hand off" in one for one in said), result
