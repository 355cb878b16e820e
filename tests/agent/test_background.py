"""Tools in the background: the agent talks on, and tells the result by one rule."""

from __future__ import annotations

import asyncio
from typing import Any

from session.test_past import records

from talkover import Agent, Session
from talkover.protocol import facts as f
from talkover.session.past import past
from talkover.testing import Call, Result, ScriptedLlm, Talk

STORY = (
    "Once upon a time there was a fox who lived in a wood. It was a very clever fox, and it knew "
    "every path. One day it met a crow. The crow had a piece of cheese, and the fox was hungry."
)
ANSWERS: dict[str, Any] = {
    "oven": [Call("bake", {"dish": "pizza"}), "It is in the oven."],
    "is ready": "By the way, {result}.",
    "story": STORY,
    "": "I see.",
}


def baker(seconds: float = 5.0) -> Agent:
    agent = Agent("You are brief.")

    @agent.tool(background=True)
    async def bake(dish: str) -> str:
        """Bake a dish."""
        await asyncio.sleep(seconds)
        return f"the {dish} is ready"

    return agent


def steps(result: Result) -> list[tuple[str, int]]:
    return [(fact.phase, ms) for _, ms, fact in result.entries if isinstance(fact, f.ToolStep)]


def test_into_silence_the_result_is_told_at_once():
    talk = Talk(baker(), llm=ANSWERS)
    talk.user("Put a pizza into the oven", at=0.0)
    talk.wait(10)
    result = talk.run()
    assert [one.heard for one in result.replies] == [
        "It is in the oven.", "By the way, the pizza is ready.",
    ], result  # fmt: skip
    (planned, started, done) = steps(result)
    assert (planned[0], started[0], done[0]) == ("planned", "started", "done")
    told = result.replies[1].began
    assert told is not None and 0 < told - done[1] / 1000 < 0.6, result


def test_the_model_knows_at_once_that_it_runs_and_later_what_came_of_it():
    llm = ScriptedLlm(ANSWERS)
    talk = Talk(baker(), llm=llm)
    talk.user("Put a pizza into the oven", at=0.0)
    talk.wait(10)
    talk.run()
    outputs = [
        [str(message["content"]) for message in asked if message["role"] == "tool"]
        for asked in llm.asked
    ]
    first, second = outputs[1], outputs[-1]
    assert len(first) == 1 and first[0].startswith("It is running"), outputs
    assert second == [first[0], "the pizza is ready"]


def test_over_the_agents_voice_it_waits_for_the_end_of_the_sentence():
    talk = Talk(baker(6.0), llm=ANSWERS)
    talk.user("Put a pizza into the oven", at=0.0)
    talk.user("and tell me a story")
    result = talk.run()
    story, told = result.replies[1], result.replies[2]
    assert (
        story.heard == STORY[: STORY.index(" It was")]
        or story.heard == STORY[: STORY.index(" One day")]
    ), result
    assert told.heard == "By the way, the pizza is ready.", result
    assert story.ended is not None and told.began is not None
    assert told.began - story.ended < 1.0, result


def test_while_the_user_speaks_it_waits_and_both_are_answered():
    llm = ScriptedLlm(ANSWERS)
    talk = Talk(baker(4.0), llm=llm)
    talk.user("Put a pizza into the oven", at=0.0)
    talk.user("I wonder about so many things and I would like to know what you think", at=4.0)
    result = talk.run()
    (done,) = [ms / 1000 for phase, ms in steps(result) if phase == "done"]
    began, ended = result.done[1].began, result.done[1].ended
    assert began < done < ended, result
    assert [one.heard for one in result.replies] == ["It is in the oven.", "I see."], result
    assert llm.asked[-1][-1]["content"].startswith("I wonder")
    assert "the pizza is ready" in str(llm.asked[-1])


def test_a_reply_that_takes_up_the_result_itself_tells_it_once():
    agent = baker(1.0)

    @agent.tool
    async def weather() -> str:
        """The weather."""
        await asyncio.sleep(2)
        return "sunny"

    llm = {"": [Call("bake", {"dish": "cake"}), Call("weather", {}), "Cake and sun."]}
    talk = Talk(agent, llm=llm)
    talk.user("cake and weather", at=0.0)
    talk.wait(5)
    result = talk.run()
    assert [one.heard for one in result.replies] == ["Cake and sun."], result


def test_it_goes_on_when_the_turn_is_interrupted_and_ends_with_the_session():
    ran: list[str] = []
    agent = Agent("You are brief.")

    @agent.tool(background=True)
    async def bake() -> str:
        """Bake."""
        try:
            await asyncio.sleep(60)
            ran.append("baked")
        except asyncio.CancelledError:
            ran.append("cancelled")
            raise
        return "done"

    talk = Talk(agent, llm={"oven": [Call("bake", {}), STORY], "": "Alright."})
    talk.user("use the oven", at=0.0)
    talk.user("stop please", after_audible=2.0)
    talk.wait(5)
    result = talk.run()
    assert result.turns[0].interrupted and ran == ["cancelled"], result
    assert result.tasks_left == []


def test_several_run_at_a_time_and_no_more_than_there_is_room_for():
    agent = baker(3.0)
    calls = [Call("bake", {"dish": str(n)}) for n in range(9)]
    talk = Talk(agent, llm={"oven": [*calls, "All in."], "": "Done."})
    talk.user("fill the oven", at=0.0)
    talk.wait(10)
    result = talk.run()
    uses = [use for reply in result.replies for use in reply.tools]
    assert [use.phase for use in uses].count("done") == 8, result
    (refused,) = [use for use in uses if use.phase == "failed"]
    assert refused.output is not None and "8 tools are running" in refused.output


def test_what_goes_wrong_in_the_background_is_told_too():
    agent = Agent("You are brief.")

    @agent.tool(background=True, timeout=2)
    async def bake(dish: str) -> str:
        """Bake."""
        await asyncio.sleep(60)
        return "never"

    talk = Talk(agent, llm={"took too long": "It failed."} | ANSWERS)
    talk.user("Put a pizza into the oven", at=0.0)
    talk.wait(5)
    assert talk.run().replies[-1].heard == "It failed."


def test_the_log_reads_back_as_the_model_saw_it():
    talk = Talk(baker(), llm=ANSWERS)
    talk.user("Put a pizza into the oven", at=0.0)
    talk.user("and tell me a story")
    talk.wait(10)
    result = talk.run()
    found = past(records(result.entries))
    assert found.conversation.messages() == result.messages and found.open_tools == ()


def test_after_a_crash_its_outcome_is_unknown_and_that_is_told():
    talk = Talk(baker(), llm=ANSWERS)
    talk.user("Put a pizza into the oven", at=0.0)
    result = talk.run()
    before = [entry for entry in records(result.entries) if '"phase":"done"' not in entry.text]
    found = past(before)
    (step,) = found.open_tools
    assert step.name == "bake" and step.output is not None
    assert step.output.startswith("It is running")


def test_a_tool_of_the_turn_is_cancelled_with_it_and_the_model_knows():
    ran: list[str] = []
    agent = Agent("You are brief.")

    @agent.tool(say="One moment, please, this may take a while.")
    async def bake() -> str:
        """Bake."""
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            ran.append("cancelled")
            raise
        return "done"

    llm = ScriptedLlm({"oven": [Call("bake", {}), "It is {result}."], "": "Alright."})
    talk = Talk(agent, llm=llm)
    talk.user("use the oven", at=0.0)
    talk.user("stop it please", after_audible=1.0)
    result = talk.run()
    assert ran == ["cancelled"] and result.turns[-1].heard == "Alright.", result
    (told,) = [str(one["content"]) for one in llm.asked[-1] if one["role"] == "tool"]
    assert told.startswith("Stopped"), llm.asked[-1]
    assert past(records(result.entries)).conversation.messages() == result.messages


def taken(on: bool) -> dict[str, Any]:
    return {"type": "talkover.take_over", "on": on}


def told_again(result: Result) -> list[tuple[int, str]]:
    """When the agent spoke, in whole seconds, and what."""
    return [(int(reply.began or 0), reply.heard) for reply in result.replies]


def test_while_a_human_has_the_call_a_result_is_kept_and_told_once_it_is_handed_back():
    llm = ScriptedLlm(ANSWERS)
    talk = Talk(baker(8.0), llm=llm)
    talk.user("Put a pizza into the oven", at=0.0)
    talk.event(taken(True), at=4.0)
    talk.user("and who are you", at=4.5)
    talk.event(taken(False), at=15.0)
    talk.wait(5)
    result = talk.run()
    (done,) = [ms / 1000 for phase, ms in steps(result) if phase == "done"]
    assert 6 < done < 14, "whoever watches the call sees it as it comes"
    spoken = [one for one in told_again(result) if one[0] >= 4]
    assert spoken == [(15, "By the way, the pizza is ready.")], result
    assert len(llm.asked) == 3, "the model was not asked meanwhile"


def test_a_result_that_waited_for_the_user_waits_for_the_human_too():
    llm = ScriptedLlm(ANSWERS)
    talk = Talk(baker(3.0), llm=llm)
    talk.user("Put a pizza into the oven", at=0.0)
    talk.user("I wonder about so many things and I would like to know what you think", at=4.0)
    talk.event(taken(True), at=6.5)
    talk.event(taken(False), at=14.0)
    talk.wait(5)
    result = talk.run()
    spoken = [one for one in told_again(result) if one[0] >= 5]
    assert spoken == [(14, "I see.")], result
    assert "the pizza is ready" in str(llm.asked[-1])


def test_nothing_is_told_at_the_hand_back_that_the_agent_has_told_before():
    talk = Talk(baker(1.0), llm=ANSWERS)
    talk.user("Put a pizza into the oven", at=0.0)
    talk.event(taken(True), at=12.0)
    talk.event(taken(False), at=14.0)
    talk.wait(5)
    result = talk.run()
    assert [one for one in told_again(result) if one[0] >= 11] == [], result


def test_an_answer_prepared_before_a_human_took_the_call_is_not_given():
    llm = ScriptedLlm(ANSWERS)
    talk = Talk(baker(), llm=llm)
    talk.user("I would like to hear from you", at=0.0)
    talk.event(taken(True), after_line=0.25)
    talk.wait(5)
    result = talk.run()
    assert len(llm.asked) == 1, "it was prepared"
    assert told_again(result) == [], result


def test_a_timer_of_the_agents_waits_for_the_hand_back_and_the_operator_does_not():
    agent = Agent("You are brief.")

    @agent.start
    async def start(session: Session) -> None:
        await asyncio.sleep(5)
        await session.say("Time is up.")

    talk = Talk(agent, llm=ANSWERS)
    talk.event(taken(True), at=2.0)
    talk.event({"type": "talkover.say", "text": "One moment."}, at=7.0)
    talk.event(taken(False), at=12.0)
    talk.wait(5)
    assert told_again(talk.run()) == [(7, "One moment."), (12, "Time is up.")]
