"""Every event validates against the types of an unmodified client; every bad one has its error."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from wire.frames import MODELS, fault

from talkover.protocol import aliases, reference
from talkover.protocol import commands as c
from talkover.protocol import facts as f
from talkover.protocol.config import SessionConfig, changed_keys, first_config
from talkover.protocol.errors import BadEvent
from talkover.protocol.items import Item, Part
from talkover.protocol.realtime import Codec

BETA = {"conversation.created", "conversation.item.created"}
"""In the package's union, and in no recorded session since the protocol left its beta."""

SPOKEN = Item("item_a", "message", "assistant", (Part("output_audio", transcript="Hello."),))
WRITTEN = Item("item_a", "message", "assistant", (Part("output_text", text="Hello."),))
CALL = Item("item_c", "function_call", name="add", call_id="call_1", arguments="{}")
RESULT = Item("item_r", "function_call_output", call_id="call_1", output="3")
ASKED = Item("item_u", "message", "user", (Part("input_audio"),))
LISTED = Item("item_m", "mcp_list_tools", mcp={"server_label": "s", "tools": []})
APPROVAL = Item(
    "item_p", "mcp_approval_request", mcp={"server_label": "s", "name": "add", "arguments": "{}"}
)
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
    f.TimeoutTriggered("item_u", 1000, 6000),
    f.KeyPressed("5", 1_800_000_000),
    f.TranscriptSegment("item_u", "seg_1", "speaker_1", "hello", 0.1, 0.9),
    f.ReplyCreated("resp_1", "audio", None, False, {"output": {"voice": "ash"}}, 100),
    f.ReplyItemAdded("resp_1", SPOKEN, 0, None, "audio", conversation=False),
    f.ReplyDone("resp_1", "incomplete", "max_output_tokens", (SPOKEN,), {}, most_tokens=9),
    f.SessionCreated(first_config({"type": "transcription"}).effective("sess_1", 1)),
    f.ItemAdded(LISTED, None),
    f.ItemAdded(APPROVAL, None),
    *(f.McpListing("item_m", phase) for phase in ("in_progress", "completed", "failed")),
    *(f.McpCall("item_m", 0, phase) for phase in ("in_progress", "completed", "failed")),
    f.McpArguments("resp_1", "item_m", 0, '{"a"'),
    f.McpArguments("resp_1", "item_m", 0, '{"a": 1}', done=True),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
@pytest.mark.parametrize("audio_events", [True, False], ids=["socket", "channel"])
def test_events_are_what_the_client_library_parses(fact: f.Fact, audio_events: bool) -> None:
    for event in Codec(extensions=False, audio_events=audio_events).encode(fact):
        assert fault(event) is None
        assert event.get("event_id", "event_").startswith("event_")


def test_every_server_event_of_the_protocol_is_told_by_some_fact() -> None:
    codecs = [Codec(extensions=False, audio_events=audio) for audio in (True, False)]
    told = {event["type"] for codec in codecs for fact in FACTS for event in codec.encode(fact)}
    assert told == MODELS.keys() - BETA


def test_the_page_of_events_is_what_the_code_says() -> None:
    page = Path(__file__).parents[2] / "docs/events.md"
    made = "run: python -m talkover.protocol.reference > docs/events.md"
    assert page.read_text() == reference.document(), made
    for kind in MODELS.keys() - BETA:
        assert f"| `{kind}` |" in page.read_text()


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


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({"type": "response.cancel", "event_id": 5}, "invalid_value", "event_id"),
        ({"type": "response.cancel", "response_id": []}, "invalid_value", "response_id"),
        ({"type": "response.create", "response": 1}, "invalid_value", "response"),
        ({"type": "response.create", "response": {"tools": [5]}}, "invalid_value",
         "response.tools.0"),
        ({"type": "response.create", "response": {"tools": [{"type": "function"}]}},
         "missing_required_parameter", "response.tools.0.name"),
        ({"type": "response.create", "response": {"tool_choice": "perhaps"}}, "invalid_value",
         "response.tool_choice"),
        ({"type": "response.create", "response": {"metadata": {"a": 1}}}, "invalid_value",
         "response.metadata"),
        ({"type": "response.create", "response": {"conversation": "other"}}, "invalid_value",
         "response.conversation"),
        ({"type": "response.create", "response": {"max_output_tokens": 0}}, "invalid_value",
         "response.max_output_tokens"),
        ({"type": "response.create", "response": {"input": [{"type": "item_reference"}]}},
         "missing_required_parameter", "response.input[0].id"),
        ({"type": "conversation.item.create", "item": {"type": "message", "role": "system",
          "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA"}]}},
         "invalid_value", "item.content[0].type"),
        ({"type": "conversation.item.create", "item": {"type": "message", "role": "user",
          "content": [{"type": "input_image", "image_url": "file:///etc/passwd"}]}},
         "invalid_value", "item.content[0].image_url"),
        ({"type": "conversation.item.create", "item": {"type": "mcp_approval_response",
          "approval_request_id": "a", "approve": "yes"}}, "invalid_value", "item.approve"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_by_its_path(event: Any, code: str, param: str) -> None:
    with pytest.raises(BadEvent) as caught:
        decode(event)
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize("text", [
    '{"type": "session.update", "session": {"instructions": "\\ud800"}}',
    '{"type": "talkover.message", "name": "x", "data": 1e999}',
    b'{"type": "response.cancel", "event_id": "\xff"}',
])  # fmt: skip
def test_what_could_not_be_sent_on_is_not_taken(text: str | bytes) -> None:
    with pytest.raises(BadEvent) as caught:
        Codec(extensions=False, audio_events=True).decode(text)
    assert caught.value.code == "invalid_json"


def test_beta_names_are_read_as_what_they_became() -> None:
    flat = {
        "modalities": ["text", "audio"], "voice": "alloy", "input_audio_format": "g711_ulaw",
        "turn_detection": None, "temperature": 0.8, "max_response_output_tokens": "inf",
        "input_audio_transcription": {"model": "whisper-1"}, "instructions": "Be kind.",
    }  # fmt: skip
    update = decode({"type": "session.update", "session": flat})
    assert isinstance(update, c.UpdateSession)
    config = first_config(update.patch)
    assert config.output_modalities == ["audio"]
    assert config.audio.output.voice == "alloy"
    assert config.audio.input.format.type == "audio/pcmu"
    assert config.audio.input.turn_detection is None
    assert config.audio.input.transcription is not None
    asked = decode({"type": "response.create", "response": {"modalities": ["text"]}})
    assert isinstance(asked, c.CreateResponse)
    assert asked.params.modality == "text"


def test_null_is_the_default_but_where_null_says_something() -> None:
    config = SessionConfig().merge(
        {"tools": None, "output_modalities": None, "audio": {"input": {"turn_detection": None}}}
    )
    assert config.tools == []
    assert config.output_modalities == ["audio"]
    assert config.audio.input.turn_detection is None


def test_a_session_shows_null_only_where_strict_clients_know_it() -> None:
    def nulls(value: Any, path: str = "") -> set[str]:
        if not isinstance(value, dict):
            return {path} if value is None else set()
        return {p for k, v in value.items() for p in nulls(v, f"{path}.{k}".strip("."))}

    config = first_config({
        "tools": [{"type": "function", "name": "f"}], "prompt": {"id": "pmpt_1"},
        "audio": {"input": {"transcription": {"model": "whisper-1"},
                            "turn_detection": {"type": "server_vad"}}},
    })  # fmt: skip
    assert nulls(config.effective("sess_1", 1)) == {
        "tracing", "audio.input.noise_reduction", "audio.input.turn_detection.idle_timeout_ms",
    }  # fmt: skip


def test_names_of_openais_are_mapped_and_never_refused() -> None:
    assert aliases.voice("marin", engine_has_them=False) is None
    assert aliases.voice("marin", engine_has_them=True) == "marin"
    assert aliases.voice("my-own", engine_has_them=False) == "my-own"
    for name in ("gpt-realtime-2.1", "gpt-4o-realtime-preview", "stub"):
        assert first_config({"model": name}).model == name


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
