"""Items in order, and the same as chat messages."""

from __future__ import annotations

import pytest

from talkover.protocol.errors import BadEvent
from talkover.protocol.items import Item, Part
from talkover.session.conversation import Conversation


def said(id: str, role: str, text: str) -> Item:
    kind = "output_audio" if role == "assistant" else "input_text"
    part = Part(kind, transcript=text) if role == "assistant" else Part(kind, text=text)
    return Item(id, "message", role, (part,))  # pyright: ignore[reportArgumentType]


def test_only_what_was_heard_stays():
    talk = Conversation()
    talk.add(said("u", "user", "Tell me"))
    talk.add(said("a", "assistant", "Once upon a time"))
    talk.cut("a", "Once upon")
    assert talk.messages("Be kind.") == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Tell me"},
        {"role": "assistant", "content": "Once upon [interrupted]"},
    ]


def test_an_answer_that_nobody_heard_leaves_no_trace_and_the_user_is_joined():
    talk = Conversation()
    talk.add(said("u1", "user", "What is"))
    talk.add(said("a", "assistant", "Well"))
    talk.add(said("u2", "user", "the time"))
    talk.cut("a", "")
    assert talk.messages() == [{"role": "user", "content": "What is the time"}]
    assert talk.last_user_text() == "What is the time"


def test_a_call_without_a_result_is_left_out():
    talk = Conversation()
    talk.add(Item("c", "function_call", name="f", call_id="1", arguments="{}"))
    assert talk.messages() == []
    talk.add(Item("o", "function_call_output", call_id="1", output="42"))
    assert [m["role"] for m in talk.messages()] == ["assistant", "tool"]


def test_hidden_items_are_no_ones_neighbour():
    talk = Conversation()
    talk.add(said("u", "user", "x"))
    talk.add(Item("c", "function_call", name="f", call_id="1"), hidden=True)
    assert talk.add(said("a", "assistant", "y")) == "u"


def test_places_and_their_errors():
    talk = Conversation()
    talk.add(said("b", "user", "b"))
    assert talk.add(said("a", "user", "a"), "root") is None
    assert talk.add(said("c", "user", "c"), "a") == "a"
    with pytest.raises(BadEvent) as twice:
        talk.add(said("a", "user", "a"))
    assert twice.value.code == "item_create_duplicate_item_id"
    with pytest.raises(BadEvent):
        talk.add(said("d", "user", "d"), "nowhere")


def test_a_fork_thinks_ahead_and_is_adopted_only_where_both_agree():
    talk = Conversation()
    talk.add(said("u1", "user", "Hello"))
    ahead = talk.fork()
    ahead.add(said("u2", "user", "And?"))
    ahead.add(said("a2", "assistant", "Yes."))
    assert "u2" not in talk
    assert not said_elsewhere(talk).adopt(ahead)
    talk.add(said("u2", "user", "And?"))
    assert talk.adopt(ahead)
    assert talk.last_user_text() == "Hello And?" and "a2" in talk
    ahead.add(said("a3", "assistant", "And more."))
    assert "a3" in talk, "from now on they are one"


def said_elsewhere(talk: Conversation) -> Conversation:
    other = talk.fork()
    other.add(said("x", "user", "Something else"))
    return other


def test_the_model_is_told_of_what_was_not_understood():
    talk = Conversation()
    talk.add(Item("u", "message", "user", (Part("input_audio", transcript=""),)))
    assert talk.messages() == [{"role": "user", "content": "[inaudible]"}]
