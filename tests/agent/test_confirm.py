"""Tools that need the user's yes: it is the user's, it is for exactly this, and it expires."""

from __future__ import annotations

from typing import Any

import pytest
from session.test_past import records

from talkover import Agent
from talkover.protocol.items import Item, Part
from talkover.session.consent import EXPIRES_S, Consent, NotAgreed
from talkover.session.past import past
from talkover.testing import Call, Result, ScriptedLlm, Talk


def cashier() -> tuple[Agent, list[tuple[str, int]]]:
    agent, paid = Agent("You are brief."), list[tuple[str, int]]()

    @agent.tool(confirm=True)
    async def pay(to: str, euros: int) -> str:
        """Pay somebody."""
        paid.append((to, euros))
        return "paid"

    return agent, paid


def pays(euros: int = 5) -> Call:
    return Call("pay", {"to": "Ann", "euros": euros})


def phases(result: Result) -> list[str]:
    return [use.phase for reply in result.replies for use in reply.tools]


def test_it_asks_and_runs_after_the_users_yes():
    agent, paid = cashier()
    llm = ScriptedLlm({
        "give": [pays(), "Shall I pay Ann five euros?"],
        "yes": [pays(), "It is {result}."],
    })  # fmt: skip
    talk = Talk(agent, llm=llm)
    talk.user("Give Ann five euros", at=0.0)
    talk.user("yes please")
    result = talk.run()
    assert [turn.heard for turn in result.turns] == [
        "Shall I pay Ann five euros?", "It is paid.",
    ], result  # fmt: skip
    assert paid == [("Ann", 5)] and phases(result) == ["asked", "done"]
    told = str(llm.asked[1][-1]["content"])
    assert "pay(to='Ann', euros=5)" in told and "Ask them" in told
    assert past(records(result.entries)).conversation.messages() == result.messages


def test_a_model_cannot_agree_in_the_users_place():
    agent, paid = cashier()
    talk = Talk(agent, llm={"": [pays(), "I will. ", pays(), "And so. ", pays(), "Well."]})
    talk.user("Give Ann five euros", at=0.0)
    result = talk.run()
    assert paid == [] and phases(result) == ["asked"] * 3, result


def test_a_yes_to_five_euros_is_none_to_fifty():
    agent, paid = cashier()
    talk = Talk(agent, llm={"give": [pays(), "Shall I?"], "yes": [pays(50), "Really fifty?"]})
    talk.user("Give Ann five euros", at=0.0)
    talk.user("yes please")
    result = talk.run()
    assert paid == [] and phases(result) == ["asked", "asked"], result


def test_a_yes_is_for_one_call():
    agent, paid = cashier()
    answers: dict[str, Any] = {
        "give": [pays(), "Shall I?"],
        "yes": [pays(), "Paid. ", pays(), "Once more?"],
    }
    talk = Talk(agent, llm=answers)
    talk.user("Give Ann five euros", at=0.0)
    talk.user("yes please")
    result = talk.run()
    assert paid == [("Ann", 5)] and phases(result) == ["asked", "done", "asked"], result


def test_who_says_no_is_not_taken_for_a_yes_even_by_a_model_that_does():
    agent, paid = cashier()
    talk = Talk(agent, llm={"": [pays(), "Shall I?"]})
    talk.user("Give Ann five euros", at=0.0)
    talk.user("No, better not")
    result = talk.run()
    assert paid == [] and phases(result) == ["asked", "asked"], result


def test_a_question_that_was_not_heard_is_not_answered():
    agent, paid = cashier()
    talk = Talk(agent, llm=ScriptedLlm({"": [pays(), "Shall I?"]}, first=1.0))
    talk.user("Give Ann five euros", at=0.0)
    # Before a word of the question is audible.
    talk.user("and hurry up with it please", after_line=1.6)
    talk.run()
    assert paid == []


def said(role: Any, text: str) -> Item:
    return Item(f"{role}{text}", "message", role, (Part("input_text", text=text),))


def test_a_yes_expires():
    asked: list[Item] = [said("user", "pay")]
    for seconds, agreed in ((EXPIRES_S, True), (EXPIRES_S + 1, False)):
        consent = Consent()
        with pytest.raises(NotAgreed):
            consent.require("pay", {}, asked, 0.0)
        talk = [*asked, said("assistant", "Shall I?"), said("user", "yes")]
        if agreed:
            consent.require("pay", {}, talk, seconds)
        else:
            with pytest.raises(NotAgreed):
                consent.require("pay", {}, talk, seconds)
