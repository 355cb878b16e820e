"""Scripted conversations: what people do to each other when they talk, done to an agent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

from talkover import Agent, Say, Session, Turn
from talkover.testing import Call, Result, ScriptedLlm, Talk

STORY = (
    "Once upon a time there was a fox who lived in a wood. It was a very clever fox, and it knew "
    "every path. One day it met a crow. The crow had a piece of cheese, and the fox was hungry."
)
ANSWERS = {
    "story": STORY,
    "stop": "Alright.",
    "time": "It is ten o'clock.",
    "pizza": "One pizza is on its way.",
    "": "I see.",
}


def plain(**settings: str) -> Agent:
    return Agent("You are brief.", **settings)  # type: ignore[arg-type]


def messages(result: Result) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in result.messages]


def test_a_question_is_answered_and_the_answer_heard_out():
    talk = Talk(plain(), llm=ANSWERS)
    asked = talk.user("What time is it?", at=0.0)
    result = talk.run()
    (turn,) = result.turns
    assert (turn.asked, turn.heard) == ("What time is it?", "It is ten o'clock."), result
    assert turn.status == "completed" and not turn.interrupted
    answered = result.answer_after(asked)
    assert answered is not None and answered < 0.6, result
    # The account of the turn adds up to the silence that was really heard.
    total = turn.timings["total"]
    assert abs(total - answered * 1000) < 60, result
    assert abs(sum(ms for stage, ms in turn.timings.items() if stage != "total") - total) < 0.5


def test_cutting_in_silences_the_agent_and_is_answered():
    talk = Talk(plain(), llm=ANSWERS)
    talk.user("tell me a story", at=0.0)
    stop = talk.user("stop", after_audible=2.0)
    result = talk.run()
    story, after = result.turns
    assert story.interrupted and story.heard.startswith("Once upon a time"), result
    assert len(story.heard) < 50, result
    quieter, silent = result.quieter_after(stop), result.silence_after(stop)
    assert quieter <= 0.1 and silent <= 0.6, result
    assert (after.asked, after.heard) == ("stop", "Alright."), result


def test_the_model_is_shown_only_what_was_heard():
    llm = ScriptedLlm(ANSWERS)
    talk = Talk(plain(), llm=llm)
    talk.user("tell me a story", at=0.0)
    talk.user("wait, what time is it?", after_audible=2.0)
    result = talk.run()
    story = result.turns[0]
    (said,) = [message["content"] for message in llm.asked[-1] if message["role"] == "assistant"]
    assert story.heard and said.startswith(story.heard), result
    assert "crow" not in str(result.messages)


def test_mm_hm_over_the_answer_loses_no_word_of_it():
    talk = Talk(plain(), llm=ANSWERS)
    talk.user("tell me a story", at=0.0)
    hum = talk.user("mm-hm", after_audible=2.0)
    result = talk.run()
    (turn,) = result.turns
    assert turn.heard == STORY and not turn.interrupted, result
    assert result.backchannels == ["mm-hm"], result
    assert result.quieter_after(hum) <= 0.1, result


def test_a_cough_is_nobodys_turn():
    talk = Talk(plain(), llm=ANSWERS)
    talk.user("tell me a story", at=0.0)
    talk.noise(0.15, after_audible=2.0)
    result = talk.run()
    (turn,) = result.turns
    assert turn.heard == STORY and result.backchannels == [], result


def test_a_pause_within_a_sentence_does_not_end_the_turn():
    talk = Talk(plain(), llm=ANSWERS)
    talk.user("I would like", 0.8, "a pizza please", at=0.0)
    result = talk.run()
    (turn,) = result.turns
    assert (turn.asked, turn.heard) == (
        "I would like a pizza please",
        "One pizza is on its way.",
    ), result


def test_a_timer_speaks_up_by_itself():
    agent = plain()
    timers: list[asyncio.Task[None]] = []

    async def ring(seconds: int, session: Session) -> None:
        await asyncio.sleep(seconds)
        await session.say("The time is up.")

    @agent.tool
    async def set_timer(seconds: int, session: Session) -> str:
        """Set a timer."""
        timers.append(asyncio.create_task(ring(seconds, session)))
        return "set"

    talk = Talk(
        agent, llm={"timer": [Call("set_timer", {"seconds": 60}), "The timer is {result}."]}
    )
    talk.user("Set a timer for one minute.", at=0.0)
    talk.wait(70)
    began = time.monotonic()
    result = talk.run()
    assert time.monotonic() - began < 10, "a minute of virtual time takes no minute"
    (rang,) = result.unasked
    assert rang.heard == "The time is up." and rang.began is not None, result
    assert 60 < rang.began < 66, result


def test_a_slow_tool_is_bridged_and_its_result_spoken():
    agent = plain()

    @agent.tool(say="One moment.")
    async def weather(city: str) -> str:
        """The weather."""
        await asyncio.sleep(2)
        return f"sunny in {city}"

    talk = Talk(agent, llm={"weather": [Call("weather", {"city": "Paris"}), "It is {result}."]})
    talk.user("What is the weather in Paris?", at=0.0)
    result = talk.run()
    (turn,) = result.turns
    assert turn.heard.split(". ") == ["One moment", "It is sunny in Paris."], result
    (tool,) = turn.tools
    assert (tool.name, tool.arguments, tool.phase) == ("weather", {"city": "Paris"}, "done")
    assert tool.output == "sunny in Paris"


def test_nothing_bridges_a_tool_that_takes_no_more_than_a_moment():
    agent = plain()

    @agent.tool(say="One moment.")
    async def weather() -> str:
        """The weather."""
        await asyncio.sleep(0.3)
        return "sunny"

    talk = Talk(agent, llm={"weather": [Call("weather", {}), "It is {result}."]})
    talk.user("What is the weather?", at=0.0)
    result = talk.run()
    assert result.turns[0].heard == "It is sunny.", result


def test_a_plain_function_runs_in_a_thread_while_the_clock_stands_still():
    agent = plain()

    @agent.tool
    def lookup(name: str) -> str:
        """Look something up."""
        time.sleep(0.05)
        return f"{name} is at home"

    @agent.reply
    def reply(turn: Turn):
        time.sleep(0.05)
        yield f"You said: {turn.text}."

    talk = Talk(agent)
    talk.user("hello there", at=0.0)
    (turn,) = talk.run().turns
    assert turn.heard == "You said: hello there."

    agent.on_reply = None
    talk = Talk(agent, llm={"": [Call("lookup", {"name": "Ann"}), "{result}."]})
    talk.user("Where is Ann?", at=0.0)
    result = talk.run()
    assert result.turns[0].heard == "Ann is at home.", result


def test_an_agent_that_overlaps_speaks_on_while_the_user_does():
    talk = Talk(plain(interruptions="overlap"), llm=ANSWERS)
    talk.user("tell me a story", at=0.0)
    over = talk.user("oh what a nice fox", after_audible=2.0)
    result = talk.run()
    story, after = result.turns
    assert story.heard == STORY, result
    assert after.asked == "oh what a nice fox", result
    assert result.quieter_after(over) == result.silence_after(over) > 3, result


def test_an_agent_that_says_nothing_takes_no_turn():
    agent = plain()

    @agent.reply
    async def reply(turn: Turn):
        if "computer" in turn.text:
            yield "Yes?"

    talk = Talk(agent)
    talk.user("what a day", at=0.0)
    talk.user("computer")
    result = talk.run()
    silent, spoken = result.turns
    assert (silent.heard, silent.began, silent.status) == ("", None, "completed"), result
    assert spoken.heard == "Yes?", result


def test_an_agent_that_raises_apologizes_and_goes_on():
    agent = plain()

    @agent.reply
    async def reply(turn: Turn):
        if "boom" in turn.text:
            raise RuntimeError("boom")
        yield "All is well."

    talk = Talk(agent)
    talk.user("go boom", at=0.0)
    talk.user("how are you")
    result = talk.run()
    failed, fine = result.turns
    assert failed.status == "failed" and failed.heard == agent.apology, result
    assert any("RuntimeError" in message for message in result.errors)
    assert fine.heard == "All is well.", result


def test_two_quick_turns_are_answered_as_one():
    talk = Talk(plain(), llm={"pizza.*beer": "Pizza and beer.", "pizza": "Pizza."})
    talk.user("I want a pizza", at=0.0)
    talk.user("and a beer", after_line=0.45)
    result = talk.run()
    heard = [turn.heard for turn in result.turns]
    assert heard[-1] == "Pizza and beer.", result
    assert result.turns[-1].asked == "I want a pizza and a beer", result


def test_what_is_typed_while_speaking_is_answered_too():
    talk = Talk(plain(), llm=ANSWERS)
    talk.user("I wonder about many things", at=0.0)
    talk.typed("what time is it", at=0.5)
    result = talk.run()
    assert any("ten o'clock" in reply.heard for reply in result.replies), result


def test_a_greeting_is_talked_over():
    agent = plain(greeting="Hello and welcome to the very long greeting of this agent!")
    talk = Talk(agent, llm=ANSWERS)
    talk.user("stop it please", after_audible=1.0)
    result = talk.run()
    (greeting,) = result.unasked
    assert greeting.interrupted and greeting.heard.startswith("Hello and"), result
    assert "greeting" not in greeting.heard
    assert result.turns[-1].heard == "Alright.", result


def test_a_span_that_may_not_be_interrupted_is_spoken_to_its_end():
    agent = plain()

    @agent.reply
    async def reply(turn: Turn):
        yield Say("This call is being recorded for your safety.", interruptions="no")

    talk = Talk(agent)
    talk.user("hello there", at=0.0)
    talk.user("stop stop stop", after_audible=1.0)
    result = talk.run()
    assert result.turns[0].heard == "This call is being recorded for your safety.", result


def test_push_to_talk_answers_what_was_said_while_the_button_was_down():
    talk = Talk(plain(turns="push_to_talk"), llm=ANSWERS)
    talk.user("What time", 1.5, "is it?", at=0.0)
    talk.commit()
    result = talk.run()
    (turn,) = result.turns
    assert (turn.asked, turn.heard) == ("What time is it?", "It is ten o'clock."), result


def test_push_to_talk_works_again_and_again():
    talk = Talk(plain(turns="push_to_talk"), llm=ANSWERS)
    for words in ("What time is it?", "tell me about pizza", "stop"):
        talk.user(words)
        talk.commit()
    result = talk.run()
    assert [turn.heard for turn in result.turns] == [
        "It is ten o'clock.", "One pizza is on its way.", "Alright.",
    ], result  # fmt: skip
    assert not result.errors


def test_a_commit_with_nothing_said_is_refused_and_the_call_goes_on():
    talk = Talk(plain(), llm=ANSWERS)
    talk.user("What time is it?", at=0.0)
    talk.event({"type": "input_audio_buffer.commit"})
    talk.user("tell me about pizza")
    result = talk.run()
    (error,) = result.errors
    assert error.startswith("There is no speech to commit"), result
    assert [turn.asked for turn in result.turns] == ["What time is it?", "tell me about pizza"]


def test_application_data_goes_both_ways():
    agent = plain()

    @agent.on("color")
    async def color(session: Session, data: str) -> None:
        session.state["color"] = data
        await session.send("painted", {"color": data, "by": session.user})

    talk = Talk(agent, llm=ANSWERS, user="ann")
    talk.data("color", "red", at=0.2)
    assert talk.run().data == [("painted", {"color": "red", "by": "ann"})]


def test_an_agent_hangs_up():
    agent = plain()

    @agent.reply
    async def reply(turn: Turn):
        yield "Bye."

    @agent.after
    async def after(turn: Turn) -> None:
        await turn.session.end(say="Bye bye.")

    talk = Talk(agent)
    talk.user("goodbye", at=0.0)
    talk.user("are you still there", after_silence=3)
    result = talk.run()
    assert result.ended == "the agent ended the call", result
    assert [reply.heard for reply in result.replies] == ["Bye.", "Bye bye."], result
    assert len(result.done) == 1


def test_an_agent_hangs_up_from_within_its_reply():
    agent = plain()

    @agent.reply
    async def reply(turn: Turn):
        yield "Bye. "
        await turn.session.end(say="Bye bye.")

    talk = Talk(agent)
    talk.user("goodbye", at=0.0)
    result = talk.run()
    assert result.ended == "the agent ended the call"
    assert [reply.heard for reply in result.replies] == ["Bye.", "Bye bye."], result


def test_an_agent_that_hangs_up_in_its_reply_is_heard_out_first():
    agent = plain()

    @agent.reply
    async def reply(turn: Turn):
        yield "Goodbye, it was nice to talk."
        await turn.session.end()

    talk = Talk(agent)
    talk.user("goodbye", at=0.0)
    result = talk.run()
    assert result.ended == "the agent ended the call"
    assert result.replies[-1].heard == "Goodbye, it was nice to talk."


def test_after_sees_what_was_heard():
    agent = plain()
    seen: list[tuple[str, bool]] = []

    @agent.after
    async def after(turn: Turn) -> None:
        seen.append((turn.heard, turn.interrupted))

    talk = Talk(agent, llm=ANSWERS)
    talk.user("tell me a story", at=0.0)
    talk.user("please stop it now", after_audible=2.0)
    result = talk.run()
    assert seen[0] == (result.turns[0].heard, True), result


class Duplex:
    """As a speech-to-speech model with its own sense of the floor: talks on, or gives way."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def converse(self, session: Session) -> AsyncGenerator[str]:
        yield STORY
        async for words in session.words():
            if "stop" in words.text and not words.final:
                self.said.append((await session.interrupt()).rstrip())
                yield "I stopped."


def test_a_model_that_owns_the_floor_talks_on_until_it_decides_to_stop():
    agent, model = plain(), Duplex()
    agent.live(model.converse)
    talk = Talk(agent, llm=ANSWERS)
    talk.user("tell me more about it", at=2.0)
    stop = talk.user("please stop", at=6.0)
    result = talk.run()
    story, after = result.replies
    # Nothing but the model ducks, holds or cuts: the first words were talked over.
    assert not [event for event in result.facts if type(event).__name__ in ("Ducked", "Held")]
    assert story.heard.startswith("Once upon a time there was a fox who lived in a wood."), result
    assert story.interrupted and model.said == [story.heard], result
    assert after.heard == "I stopped."
    silent = result.silence_after(stop)
    assert silent is not None and silent < 1.5, result


def test_a_user_who_says_nothing_is_asked_again():
    idle = {"type": "server_vad", "idle_timeout_ms": 5000}
    talk = Talk(plain(), llm=ANSWERS, config={"audio": {"input": {"turn_detection": idle}}})
    talk.typed("tell me about pizza", at=0.0)
    talk.wait(16)
    result = talk.run()
    kinds = [event["type"] for event in result.events]
    at = kinds.index("input_audio_buffer.timeout_triggered")
    told = [kind for kind in kinds[at:] if not kind.startswith("talkover.")]
    assert told[:7] == [
        "input_audio_buffer.timeout_triggered",
        "conversation.item.added",
        "conversation.item.done",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ], result
    triggered = result.events[at]
    assert triggered["audio_end_ms"] - triggered["audio_start_ms"] == 5000
    assert kinds.count("input_audio_buffer.timeout_triggered") == 2
    hint = result.events[at + told.index("conversation.item.added")]
    assert hint["item"]["role"] == "system"


def test_words_go_out_as_deltas_that_add_up_to_the_transcript():
    talk = Talk(plain(), llm=ANSWERS)
    talk.user("What time is it?", at=0.0)
    result = talk.run()
    kind = "conversation.item.input_audio_transcription"
    deltas = [e["delta"] for e in result.events if e["type"] == f"{kind}.delta"]
    (done,) = (e for e in result.events if e["type"] == f"{kind}.completed")
    assert len(deltas) > 1
    assert "".join(deltas) == done["transcript"] == "What time is it?"


def test_a_client_may_ask_to_be_told_of_any_voice_over_the_answer():
    every = {"type": "semantic_vad", "speech_events": "all"}
    talk = Talk(plain(), llm=ANSWERS, config={"audio": {"input": {"turn_detection": every}}})
    talk.user("tell me a story", at=0.0)
    talk.noise(0.2, after_audible=2.0)
    talk.user("please stop now", after_audible=6.0)
    result = talk.run()
    buffer = "input_audio_buffer."
    told = [
        (e["type"].removeprefix(buffer), e["item_id"])
        for e in result.events
        if e["type"].startswith(buffer)
    ]
    kinds = [kind for kind, _ in told]
    turn = ["speech_started", "speech_stopped", "committed"]
    assert kinds == [*turn, *turn[:2], *turn], result
    first, cough, last = told[0][1], told[3][1], told[5][1]
    assert [item for _, item in told] == [first] * 3 + [cough] * 2 + [last] * 3
    assert len({first, cough, last}) == 3
