"""Events as a readable dialogue, from Talkover and from servers that know only the protocol."""

from __future__ import annotations

from typing import Any

from talkover.cli.dialogue import Dialogue


def shown(*events: dict[str, Any]) -> list[str]:
    dialogue = Dialogue()
    lines = [dialogue.line(1.5, event) for event in events]
    return [line for line in lines if line is not None]


def agent(text: str) -> dict[str, Any]:
    return {
        "type": "response.output_audio_transcript.done", "item_id": "i1", "transcript": text,
    }  # fmt: skip


def test_both_sides_are_told_with_the_time():
    assert shown(
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "transcript": "what time is it\n",
        },
        agent("It is nine."),
    ) == ["   1.50  you    what time is it", "   1.50  agent  It is nine."]


def test_typed_words_are_shown_and_the_agents_items_are_not():
    parts = [{"type": "input_text", "text": "hello"}]
    item = {"type": "message", "role": "user", "content": parts, "id": "item_1"}
    assert shown(
        {"type": "conversation.item.added", "item": item},
        {"type": "conversation.item.added", "item": item | {"role": "assistant", "id": "b"}},
        {"type": "conversation.item.added", "item": {"type": "function_call"}},
    ) == ["   1.50  you    hello"]


def test_who_comes_back_does_not_read_everything_again():
    parts = [{"type": "input_text", "text": "hello"}]
    item = {"type": "message", "role": "user", "content": parts, "id": "item_1"}
    added = {"type": "conversation.item.added", "item": item}
    assert len(shown(added, added, {**added, "item": item | {"id": "item_2"}})) == 2


def test_what_was_heard_is_told_only_where_it_is_less():
    heard = {"type": "talkover.heard", "item_id": "i1", "exact": True, "text": "It is"}
    assert shown(agent("It is nine."), heard)[1:] == ["   1.50         (heard: It is)"]
    assert shown(agent("It is nine."), heard | {"text": "It is nine. "})[1:] == []


def test_an_answer_that_did_not_end_well_says_why():
    cancelled = {"status": "cancelled", "status_details": {"reason": "turn_detected"}}
    failed = {"status": "failed", "status_details": {"error": {"code": "engine_error"}}}
    bare = {"status": "incomplete"}
    assert shown(
        *({"type": "response.done", "response": r} for r in (cancelled, failed, bare))
    ) == [
        "   1.50         (cancelled: turn_detected)",
        "   1.50         (failed: engine_error)",
        "   1.50         (incomplete: )",
    ]


def test_unknown_events_are_no_line():
    assert shown({"type": "rate_limits.updated"}, {"type": "response.done", "response": {
        "status": "completed"}}) == []  # fmt: skip
