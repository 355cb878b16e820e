"""Every event validates against the types of an unmodified client; every bad one has its error."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from talkover.protocol import commands as c
from talkover.protocol import facts as f
from talkover.protocol.config import SessionConfig, changed_keys, first_config
from talkover.protocol.errors import BadEvent
from talkover.protocol.items import Item, Part
from talkover.protocol.realtime import Codec

SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)

SPOKEN = Item("item_a", "message", "assistant", (Part("output_audio", transcript="Hello."),))
WRITTEN = Item("item_a", "message", "assistant", (Part("output_text", text="Hello."),))
CALL = Item("item_c", "function_call", name="add", call_id="call_1", arguments="{}")
RESULT = Item("item_r", "function_call_output", call_id="call_1", output="3")
ASKED = Item("item_u", "message", "user", (Part("input_audio"),))
CONFIG = SessionConfig().effective("sess_1", 1_800_000_000)

FACTS: list[f.Fact] = [
    f.SessionCreated(CONFIG),
    f.SessionUpdated(CONFIG),
    f.SpeechStarted("item_u", 20),
    f.SpeechStopped("item_u", 900),
    f.Committed("item_u", None),
    f.InputCleared(),
    f.ItemAdded(ASKED, None),
    f.ItemDone(ASKED, "item_x"),
    f.ItemAdded(RESULT, "item_c"),
    f.ItemTruncated("item_a", 0, 300),
    f.ItemDeleted("item_a"),
    f.ItemRetrieved(Item("i", "message", "user", (Part("input_audio", audio=b"\0\0"),))),
    f.TranscriptDelta("item_u", "what"),
    f.Transcribed("item_u", "what time is it", 1.2),
    f.TranscriptionFailed("item_u", "The recogniser is down."),
    f.ReplyCreated("resp_1", "audio", {"k": "v"}),
    f.ReplyItemAdded("resp_1", SPOKEN, 0, "item_u", "audio"),
    f.ReplyItemAdded("resp_1", CALL, 1, "item_u", "audio"),
    f.ReplyText("resp_1", "item_a", 0, "He"),
    f.ReplyTranscript("resp_1", "item_a", 0, "He"),
    f.ReplyAudio("resp_1", "item_a", 0, b"\0\0"),
    f.ReplyArguments("resp_1", "item_c", 1, "call_1", "{"),
    f.ReplyItemDone("resp_1", SPOKEN, 0, None),
    f.ReplyItemDone("resp_1", WRITTEN, 0, None),
    f.ReplyItemDone("resp_1", CALL, 1, None),
    f.ReplyDone("resp_1", "completed", None, (SPOKEN,), {"input_tokens": 3}),
    f.ReplyDone("resp_1", "cancelled", "turn_detected", (SPOKEN,), {}),
    f.ReplyDone("resp_1", "failed", None, (), {}, error=("server_error", "engine", "Down.")),
    f.AudioStarted("resp_1", 960),
    f.AudioStopped("resp_1"),
    f.AudioCleared("resp_1"),
    f.Failed("invalid_request_error", "invalid_value", "No.", "session.x", "ev_1"),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
@pytest.mark.parametrize("audio_events", [True, False], ids=["socket", "channel"])
def test_events_are_what_the_client_library_parses(fact: f.Fact, audio_events: bool) -> None:
    codec = Codec(extensions=False, audio_events=audio_events)
    for event in codec.encode(fact):
        parsed = SERVER_EVENT.validate_json(json.dumps(event))
        assert parsed.type == event["type"]
        assert event["event_id"].startswith("event_")
        assert type(parsed).__name__ != "UnknownEvent"
        for name, field in type(parsed).model_fields.items():
            assert not field.is_required() or name in event, f"{event['type']} lacks {name}"


def types(codec: Codec, *facts: f.Fact) -> list[str]:
    return [event["type"] for fact in facts for event in codec.encode(fact)]


def test_a_spoken_reply_is_told_in_the_order_of_real_sessions() -> None:
    codec = Codec(extensions=False, audio_events=True)
    told = types(
        codec,
        f.ReplyCreated("r", "audio"),
        f.ReplyItemAdded("r", SPOKEN, 0, None, "audio"),
        f.ReplyTranscript("r", "item_a", 0, "Hello."),
        f.ReplyAudio("r", "item_a", 0, b"\0\0"),
        f.ReplyItemDone("r", SPOKEN, 0, None),
        f.ReplyDone("r", "completed", None, (SPOKEN,), {}),
    )
    assert told == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]


def test_a_leg_with_its_own_sound_gets_no_audio_and_one_without_no_buffer_events() -> None:
    channel = Codec(extensions=False, audio_events=False)
    assert types(channel, f.ReplyAudio("r", "i", 0, b"")) == []
    assert types(channel, f.AudioStarted("r", 5)) == ["output_audio_buffer.started"]
    socket = Codec(extensions=False, audio_events=True)
    assert types(socket, f.AudioStarted("r", 5)) == []


def test_extensions_are_told_only_to_those_who_asked() -> None:
    fact = f.Word("resp_1", "item_a", 0, 5, "Hello")
    assert Codec(extensions=False, audio_events=False).encode(fact) == []
    (event,) = Codec(extensions=True, audio_events=False).encode(fact, 1200)
    assert event["type"] == "talkover.word"
    assert (event["response_id"], event["item_id"], event["at_ms"]) == ("resp_1", "item_a", 1200)


def decode(event: Any) -> c.Command:
    return Codec(extensions=False, audio_events=True).decode(json.dumps(event))


def test_client_events_become_commands() -> None:
    audio = base64.b64encode(b"\1\0").decode()
    assert decode({"type": "input_audio_buffer.append", "audio": audio}) == c.AppendAudio(b"\1\0")
    assert decode({"type": "response.cancel", "event_id": "e"}) == c.CancelResponse(None, "e")
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    made = decode({"type": "conversation.item.create", "item": item})
    assert isinstance(made, c.CreateItem)
    assert made.item.text == "hi"
    assert made.item.id.startswith("item_")
    asked = {
        "type": "response.create",
        "response": {"output_modalities": ["text"], "conversation": "none", "metadata": {"a": "b"}},
    }
    response = decode(asked)
    assert isinstance(response, c.CreateResponse)
    assert response.params.modality == "text"
    assert not response.params.conversation


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        ("hello", "invalid_json", None),
        ("[1]", "invalid_json", None),
        ('{"type": NaN}', "invalid_json", None),
        ("[" * 100_000, "invalid_json", None),
        ('{"a":' * 80 + "1" + "}" * 80, "invalid_json", None),
        ("{}", "missing_required_parameter", "type"),
        ('{"type": "nope"}', "invalid_value", "type"),
        ('{"type": "input_audio_buffer.append"}', "missing_required_parameter", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "%%"}', "invalid_value", "audio"),
        ('{"type": "session.update", "session": 5}', "invalid_value", "session"),
        (
            '{"type": "conversation.item.create", "item": {"type": "message", "role": "king"}}',
            "invalid_value",
            "item.role",
        ),
        (
            '{"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, '
            '"audio_end_ms": -5}',
            "invalid_value",
            "audio_end_ms",
        ),
    ],
)
def test_a_bad_event_is_refused_by_field(text: str, code: str, param: str | None) -> None:
    with pytest.raises(BadEvent) as caught:
        Codec(extensions=False, audio_events=True).decode(text)
    assert caught.value.code == code
    assert caught.value.param == param


def test_an_error_carries_the_clients_event_id() -> None:
    with pytest.raises(BadEvent) as caught:
        decode({"type": "nope", "event_id": "mine"})
    assert caught.value.event_id == "mine"


def test_an_update_changes_only_what_it_names() -> None:
    config = first_config({"instructions": "Be kind.", "model": "gpt-realtime"})
    vad = {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}}}
    config = config.merge(vad)
    assert config.instructions == "Be kind."
    detection = config.audio.input.turn_detection
    assert detection is not None
    assert detection.type == "server_vad"
    config = config.merge({"audio": {"input": {"turn_detection": {"silence_duration_ms": 200}}}})
    assert config.audio.input.turn_detection.threshold == 0.7  # type: ignore[union-attr]
    cleared = config.merge({"instructions": "", "audio": {"input": {"turn_detection": None}}})
    assert cleared.instructions == ""
    assert cleared.audio.input.turn_detection is None
    assert cleared.merge({"model": "other"}).model == "gpt-realtime"


def test_the_whole_session_is_shown() -> None:
    detection = CONFIG["audio"]["input"]["turn_detection"]
    assert detection["interrupt_response"] is True
    assert CONFIG["id"] == "sess_1"


@pytest.mark.parametrize(
    ("patch", "param"),
    [
        ({"output_modalities": ["audio", "text"]}, "session.output_modalities"),
        ({"audio": {"output": {"speed": 9}}}, "session.audio.output.speed"),
        ({"audio": {"input": {"format": {"type": "mp3"}}}}, "session.audio.input.format"),
    ],
)
def test_a_wrong_setting_is_named(patch: dict[str, Any], param: str) -> None:
    with pytest.raises(BadEvent) as caught:
        SessionConfig().merge(patch, event_id="mine")
    assert caught.value.param == param
    assert caught.value.event_id == "mine"


def test_the_fields_of_a_patch_are_known_by_dotted_name() -> None:
    patch = {"voice": 1, "audio": {"output": {"voice": "x"}, "input": {"turn_detection": {}}}}
    assert changed_keys(patch) == {"voice", "audio.output.voice", "audio.input.turn_detection"}
