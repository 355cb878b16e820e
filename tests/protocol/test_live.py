"""Live's events validate against an unmodified client's types; every bad one has its error."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from protocol.test_realtime import FACTS
from wire.frames import LIVE_MODELS
from wire.test_bad_frames import WRONG, spoiled

from talkover.protocol import commands as c
from talkover.protocol import facts as f
from talkover.protocol.config import SessionConfig, first_config
from talkover.protocol.decoding import Fields
from talkover.protocol.errors import BadEvent
from talkover.protocol.items import Item, Part
from talkover.protocol.live.codec import LiveCodec
from talkover.protocol.live.decoding import BACKEND, DECODERS, start
from talkover.protocol.live.settings import DELEGATE, Permissions, startup
from talkover.protocol.live.silence import Silence

SHOWN = SessionConfig().effective("sess_1", 1_800_000_000)
TOOL = {"type": "function", "name": "add", "parameters": {"type": "object"}}
RESPONSES = {
    "type": "responses",
    "responses": {"model": "m", "tools": [TOOL], "tool_choice": "auto"},
}
START: dict[str, Any] = {
    "model": "gpt-live-1", "instructions": "x", "delegation": RESPONSES,
    "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "marin"}},
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
    "client": {"data_channel": {"allowed_client_events": ["session.close"],
                                "allowed_server_events": [{"type": "session.started"}]}},
    "triggers": [], "store": False,
}  # fmt: skip
SOUND = base64.b64encode(bytes(480)).decode()
EVENTS: list[dict[str, Any]] = [
    {"type": "session.start", "session": START},
    {"type": "session.update", "session": {"delegation": RESPONSES, "triggers": []}},
    {"type": "session.input_audio.append", "audio": SOUND},
    {"type": "session.input_audio.mute"},
    {"type": "session.input_audio.unmute"},
    {"type": "session.output_audio.fixture.play", "audio": SOUND},
    *({"type": f"session.{purpose}.append", "content": "x", "delegation_id": "call_1"}
      for purpose in ("instructions", "thinking", "commentary")),
    {"type": "session.close"},
    {"type": "response.item.create", "item": {"type": "message", "role": "user", "content": "x"}},
    {"type": "response.create"},
    {"type": "decision.create"},
    {"type": "decision.item.create", "item": {}},
    {"type": "decision.item.delete", "item_id": "x"},
    {"type": "transport.dtmf.send", "event": "1"},
    {"type": "talkover.message", "name": "x", "data": {}},
    {"type": "talkover.timings", "response_id": "x", "capture_ms": 1, "heard_at_ms": 2},
    {"type": "talkover.moving"},
    {"type": "talkover.resume"},
]  # fmt: skip
NEVER = {
    "decision.event", "decision.item.created", "decision.item.deleted",
    "session.input_audio.append", "transport.dtmf.received", "transport.dtmf.send",
    "transport.dtmf.sent", "transport.ringing", "transport.answered", "transport.failed",
}  # fmt: skip
"""Of Decisions, of telephones, and of sound that a sideband would be sent."""
CALL = Item("item_c", "function_call", name="add", call_id="call_1", arguments="{}")


def codec(**given: Any) -> LiveCodec:
    settings: dict[str, Any] = {"began": 1_700_000_000.0, "sound": True, "media": False}
    return LiveCodec(given.pop("shown", SHOWN), **settings | given)


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event.get("event", event)["type"] for event in events]


def test_facts_of_every_kind_are_told_as_the_package_knows_them() -> None:
    limited = codec(permissions=Permissions(client=frozenset()))
    told = {event["type"] for event in limited.encode(f.SessionCreated(SHOWN))}
    leg = codec()
    facts: list[f.Fact] = [
        *FACTS, f.Muted(True, "e"), f.Muted(False), f.ClientSound("playing", "e"),
        f.ClientSound("played"), f.Ended("over", "lost"),
        *(f.Appended(p, "e") for p in ("instructions", "thinking", "commentary")),
        f.ReplyTranscript("resp_9", "item_z", 0, "Hello there"),
        f.Word("resp_9", "item_z", 0, 5, "Hello"),
    ]  # fmt: skip
    for n, fact in enumerate(facts):
        # Each frame is validated as it is encoded.
        told |= {event["type"] for event in leg.encode(fact, n * 10)}
    assert told == LIVE_MODELS.keys() - NEVER


def test_every_client_event_is_tried_here() -> None:
    assert {event["type"] for event in EVENTS} == DECODERS.keys()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
def test_a_wrong_type_in_any_field_has_an_error_with_the_clients_id(event: dict[str, Any]) -> None:
    def decode(made: dict[str, Any]) -> None:
        text = json.dumps(made)
        if made["type"] == "session.start":
            first_config(start(text)[0].config)
        else:
            codec(shown=SHOWN | {"tools": [TOOL]}).decode(text)

    for wrong in WRONG:
        for made in spoiled(event, wrong):
            try:
                decode(made | {"event_id": "ev_1"})
            except BadEvent as error:
                assert error.code and error.message
                assert error.event_id in ("ev_1", None)


def test_a_start_becomes_the_settings_that_the_resource_shows_again() -> None:
    given = start(json.dumps({"type": "session.start", "session": START, "event_id": "e"}))[0]
    shown = first_config(given.config).effective("sess_1", 5)
    (_, started) = codec(permissions=given.permissions, start_id="e").encode(
        f.SessionCreated(shown)
    )
    session = started["session"]
    assert (session["id"], session["expires_at"], session["model"]) == ("sess_1", 5, "gpt-live-1")
    assert session["audio"] == {
        "format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "marin"},
    }  # fmt: skip
    assert session["delegation"]["responses"]["tools"][0]["name"] == "add"
    assert started["client_event_id"] == "e"
    assert [(item.role, item.text) for item in given.history] == [("user", "hi")]
    telephone = copy.deepcopy(START) | {"audio": {"format": {"type": "audio/pcmu", "rate": 8000}}}
    given = startup(Fields(telephone, None), media=False)
    shown = first_config(given.config).effective("sess_1", 5)
    (started,) = codec().encode(f.SessionCreated(shown))
    assert started["session"]["audio"]["format"] == {"type": "audio/pcmu", "rate": 8000}


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({}, "session.model"),
        ({"model": "m", "delegation": {"type": "decisions"}}, "session.delegation.type"),
        ({"model": "m", "triggers": [{}]}, "session.triggers"),
        ({"model": "m", "audio": {"format": {"type": "audio/pcm", "rate": 8000}}},
         "session.audio.format.rate"),
        ({"model": "m", "input": [{"role": "robot", "content": []}]}, "session.input[0].role"),
        ({"model": "m", "delegation": {"type": "responses", "responses": {
            "tools": [{"type": "web_search"}]}}}, "session.delegation.responses.tools[0].type"),
    ],
)  # fmt: skip
def test_what_a_start_cannot_have_is_named(session: dict[str, Any], param: str) -> None:
    with pytest.raises(BadEvent) as refused:
        start(json.dumps({"type": "session.start", "session": session}))
    assert refused.value.param == param


def test_the_first_event_of_a_socket_starts_the_session() -> None:
    with pytest.raises(BadEvent, match=r"session\.start before session\.close"):
        start('{"type": "session.close"}')


def test_only_words_that_sound_are_told() -> None:
    leg = codec()
    leg.encode(f.ReplyTranscript("r", "i", 0, "One two three."), 100)
    told = leg.encode(f.Word("r", "i", 0, 3, "One"), 200)
    told += leg.encode(f.Word("r", "i", 4, 7, "two"), 400)
    told += leg.encode(f.Heard("r", "i", "One two", 350, True), 500)
    assert [(e["delta"], e["start_ms"]) for e in told] == [("One", 200), (" two", 400)]
    leg.encode(f.ReplyTranscript("r2", "i2", 0, "Four."), 600)
    # A voice without marks is told at its end.
    (rest,) = leg.encode(f.Heard("r2", "i2", "Four.", 300, False), 1000)
    assert (rest["delta"], rest["start_ms"], rest["end_ms"]) == (" Four.", 700, 1000)


def test_a_tools_call_is_a_delegation_and_its_output_goes_on_with_it() -> None:
    leg = codec(shown=SHOWN | {"tools": [TOOL]})
    leg.encode(f.ReplyCreated("resp_1", "audio"))
    told = leg.encode(f.ReplyItemAdded("resp_1", CALL, 0, None, "audio"), 70)
    told += leg.encode(f.ReplyItemDone("resp_1", CALL, 0, None))
    told += leg.encode(f.ReplyDone("resp_1", "completed", None, (CALL,), {"input_tokens": 3}))
    assert kinds(told) == [
        "session.delegation.created", "response.created", "response.output_item.added",
        "response.function_call_arguments.done", "response.output_item.done", "response.completed",
        "session.usage.updated",
    ]  # fmt: skip
    id = told[0]["delegation"]["id"]
    assert (told[0]["offset_ms"], told[0]["delegation"]["response_id"]) == (70, "resp_1")
    assert {event["delegation_id"] for event in told[1:-1]} == {id}
    output = Item("item_o", "function_call_output", call_id="call_1", output="3")
    assert leg.encode(f.ItemAdded(output, None)) == []
    (created,) = leg.encode(f.ReplyCreated("resp_2", "audio", BACKEND))
    assert created["delegation_id"] == id
    (created,) = leg.encode(f.ReplyCreated("resp_3", "audio", BACKEND))
    assert "delegation_id" not in created


def test_work_for_the_application_is_told_without_its_text() -> None:
    call = Item("item_d", "function_call", name=DELEGATE, call_id="call_7", arguments="{}")
    leg = codec()
    told = leg.encode(f.ReplyItemAdded("resp_1", call, 0, None, "audio"))
    told += leg.encode(f.ReplyItemDone("resp_1", call, 0, None))
    assert kinds(told) == ["session.delegation.created"]
    assert told[0]["delegation"] == {"id": "call_7", "target": "client", "type": "delegation"}


def test_the_backend_limits_what_a_data_channel_sends_and_is_sent() -> None:
    events = frozenset(("session.started", "response.event:response.created"))
    leg = codec(permissions=Permissions(frozenset(("session.close",)), events), media=True)
    assert kinds(leg.encode(f.SessionCreated(SHOWN))) == ["info", "session.started"]
    assert leg.encode(f.Muted(True)) == []
    assert kinds(leg.encode(f.ReplyCreated("r", "audio", BACKEND))) == ["response.created"]
    assert leg.encode(f.ReplyDone("r", "completed", None, (), {})) == []
    assert isinstance(leg.decode('{"type": "session.close"}'), c.CloseSession)
    with pytest.raises(BadEvent) as refused:
        leg.decode('{"type": "response.create", "event_id": "e"}')
    assert (refused.value.code, refused.value.event_id) == ("event_not_allowed", "e")


def test_a_message_in_short_form_and_one_of_parts_are_the_same() -> None:
    for content in ("hello", [{"type": "input_text", "text": "hello"}]):
        item = {"type": "message", "role": "user", "content": content}
        command = codec().decode(json.dumps({"type": "response.item.create", "item": item}))
        assert isinstance(command, c.CreateItem)
        assert command.item.content == (Part("input_text", text="hello"),)


def test_an_errors_code_is_never_missing() -> None:
    (event,) = codec().encode(f.Failed("agent_error", None, "Down."))
    assert event["error"] == {"type": "agent_error", "code": "agent_error", "message": "Down."}


def test_silence_fills_what_no_sound_does() -> None:
    gaps = Silence(48, b"\0")
    assert gaps.missing(1000) == b""
    assert len(gaps.missing(1250)) == 200 * 48
    gaps.sent(600 * 48, 1300)
    # Sound that is ahead of its time is no gap.
    assert gaps.missing(1700) == b""
    assert len(gaps.missing(1910)) == 100 * 48
    assert len(gaps.missing(9000)) == 1000 * 48


def test_who_joins_amid_an_answer_is_told_its_words_from_there() -> None:
    message = Item("item_a", "message", "assistant", (Part("output_audio", transcript=""),))
    words = f.ReplyTranscript("resp_1", "item_a", 0, "One two, three. Four")
    late = f.ReplyTranscript("resp_1", "item_a", 0, " five.")
    word = [f.Word("resp_1", "item_a", *place) for place in ((4, 7, "two"), (9, 14, "three"))]
    begun: list[f.Fact] = [f.ReplyItemAdded("resp_1", message, 0, None, "audio"), words]
    rest: list[f.Fact] = [late, *word, f.Heard("resp_1", "item_a", "One two, three. Four", 9, True)]

    def told(facts: list[f.Fact]) -> list[str]:
        leg = codec()
        return [event["delta"] for fact in facts for event in leg.encode(fact, 100)]

    assert told([*begun, *rest]) == ["One two", ", three", ". Four"]
    assert told(rest) == ["two", " three", " . Four"]
