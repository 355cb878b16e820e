"""A session's log, read from the start, is the conversation as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from talkover import Agent
from talkover.cluster.base import Record
from talkover.protocol import facts as f
from talkover.protocol.items import Item, Part
from talkover.protocol.logged import from_json, is_kept, to_json
from talkover.session.past import Past, past
from talkover.testing import Call, Talk

STORY = "Once upon a time there was a fox who lived in a wood. It knew every path. It met a crow."


def records(entries: list[tuple[int, int, f.Fact]]) -> list[Record]:
    kept = [entry for entry in entries if is_kept(entry[2])]
    return [Record(number, at_ms, to_json(fact)) for number, at_ms, fact in kept]


def told(talk: Talk) -> tuple[Past, list[dict[str, Any]]]:
    result = talk.run()
    return past(records(result.entries)), result.messages


def asked(talk: Talk) -> None:
    talk.user("What time is it?", at=0.0)
    talk.user("and tell me a story")


def cut_in(talk: Talk) -> None:
    talk.user("tell me a story", at=0.0)
    talk.user("stop", after_audible=2.0)


def coughed(talk: Talk) -> None:
    talk.user("tell me a story", at=0.0)
    talk.noise(after_audible=1.0)


def typed(talk: Talk) -> None:
    talk.typed("the time", at=0.0)
    talk.event(
        {"type": "conversation.item.create", "previous_item_id": "root",
         "item": {"id": "first", "type": "message", "role": "system",
                  "content": [{"type": "input_text", "text": "Be kind."}]}},
        after_line=3.0,
    )  # fmt: skip
    talk.event(
        {"type": "conversation.item.create",
         "item": {"id": "gone", "type": "message", "role": "user",
                  "content": [{"type": "input_text", "text": "Never mind."}]}},
        {"type": "conversation.item.delete", "item_id": "gone"},
        after_line=0.1,
    )  # fmt: skip


def used_a_tool(talk: Talk) -> None:
    talk.user("order a pizza", at=0.0)
    talk.user("thank you")


@pytest.mark.parametrize("scene", [asked, cut_in, coughed, typed, used_a_tool])
def test_it_reads_back_as_the_model_saw_it(scene: Callable[[Talk], None]) -> None:
    agent = Agent("You are brief.", greeting="Hello, who is there?")

    @agent.tool(say="One moment.")
    async def order(dish: str) -> str:
        """Order a dish."""
        return f"one {dish} is coming"

    def answers(messages: list[dict[str, Any]]) -> list[Any]:
        last = messages[-1]
        if last["role"] == "tool":
            return ["It is on its way."]
        if "pizza" in last["content"]:
            return [Call("order", {"dish": "pizza"})]
        return [STORY if "story" in last["content"] else "It is ten o'clock."]

    talk = Talk(agent, llm=answers)
    scene(talk)
    found, messages = told(talk)
    assert found.conversation.messages() == messages
    assert len(messages) >= 2 and not found.owed and found.open_tools == ()


def said(id: str, role: Any, text: str, **more: Any) -> Item:
    kind: Any = {"user": "input_audio", "assistant": "output_audio", "system": "input_text"}[role]
    words = {"text": text} if role == "system" else {"transcript": text}
    return Item(id, "message", role, (Part(kind, **words),), **more)


def fell(*facts: f.Fact) -> Past:
    """The log of a process that fell after these."""
    return past([Record(n, n * 10, to_json(fact)) for n, fact in enumerate(facts, 1)])


QUESTION = (f.ItemDone(said("u", "user", ""), None), f.Transcribed("u", "tell me", 1.0))
BEGUN = (
    f.ReplyCreated("r", "audio"),
    f.ReplyItemAdded("r", said("a", "assistant", "", status="in_progress"), 0, "u", "audio"),
)


def test_of_an_answer_that_was_under_way_what_was_heard_stays_and_the_rest_is_owed() -> None:
    found = fell(*QUESTION, *BEGUN, f.Heard("r", "a", "Once upon", 0, False))
    assert found.conversation.messages()[1]["content"] == "Once upon [interrupted]"
    assert found.owed


def test_an_answer_of_which_nothing_was_heard_was_never_given() -> None:
    found = fell(*QUESTION, *BEGUN)
    assert [one["role"] for one in found.conversation.messages()] == ["user"] and found.owed


def test_a_question_without_an_answer_is_owed_one_and_a_text_that_asks_for_none_is_not() -> None:
    assert fell(*QUESTION).owed
    written = Item("t", "message", "user", (Part("input_text", text="for later"),))
    assert not fell(f.ItemDone(written, None)).owed


def test_a_greeting_that_was_cut_off_is_owed_to_nobody() -> None:
    added = f.ReplyItemAdded("r", said("a", "assistant", ""), 0, None, "audio")
    assert not fell(f.ReplyCreated("r", "audio"), added).owed


def test_a_tool_that_was_started_and_not_done_is_open_and_one_only_planned_is_not() -> None:
    found = fell(
        f.ToolStep("c1", "pay", "{}", "planned"),
        f.ToolStep("c2", "pay", "{}", "started"),
        f.ToolStep("c3", "pay", "{}", "started"),
        f.ToolStep("c3", "pay", "{}", "failed", "Error: no money", 5),
    )
    assert [step.call_id for step in found.open_tools] == ["c2"]


def test_what_was_set_and_kept_last_counts() -> None:
    beside = [{"state": {"n": 1}}, {"state": {"n": 2}, "session": {"model": "x"}}, {}]
    facts = [f.SessionUpdated({}), f.SessionUpdated({}), f.Transcribed("u", "x", 1.0)]
    found = past([
        Record(n, n, to_json(fact, **more))
        for n, (fact, more) in enumerate(zip(facts, beside, strict=True), 1)
    ])  # fmt: skip
    assert (found.state, found.config, found.number) == ({"n": 2}, {"model": "x"}, 3)


def test_a_record_of_no_known_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no known kind"):
        from_json('{"fact":"ReplyAudio"}')


def test_half_a_surrogate_pair_survives() -> None:
    step = f.ToolStep("c", "say", '{"text":"\ud83d"}', "done", "\ud83d")
    assert from_json(to_json(step))[0] == step
