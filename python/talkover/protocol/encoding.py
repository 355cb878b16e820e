"""Facts to the server events of the Realtime protocol, in the order of recorded sessions."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from . import facts as f
from .ids import fresh
from .items import Item, Part

Json = dict[str, Any]
Encoder = Callable[[Any], list[Json]]


def encode(fact: f.Fact, at_ms: int, *, extensions: bool, audio_events: bool) -> list[Json]:
    """The events that tell `fact`; see `realtime.Codec`."""
    kind = type(fact)
    if kind in EXTENSIONS:
        return extended(fact, at_ms) if extensions else []
    if kind in _OTHER_SOUND and (kind is f.ReplyAudio) is not audio_events:
        return []
    events = ENCODERS[kind](fact)
    if kind is f.KeyPressed:
        # The protocol's one event without an id.
        return events
    for event in events:
        event["event_id"] = fresh("event")
    return events


def extended(fact: f.Fact, at_ms: int) -> list[Json]:
    """`fact` in the words of `?extensions=talkover`, of any dialect; none where it has none."""
    kind = EXTENSIONS.get(type(fact))
    if kind is None or (isinstance(fact, f.ToolStep) and fact.phase == "planned"):
        return []
    return [{"type": kind, "event_id": fresh("event"), **_shown(fact), "at_ms": at_ms}]


_OTHER_SOUND = (f.ReplyAudio, f.AudioStarted, f.AudioStopped, f.AudioCleared)
"""Told either to legs that get sound as events, or to legs that have sound of their own."""


def _session_created(fact: f.SessionCreated) -> list[Json]:
    known: list[Json] = []
    previous = None
    for item in fact.items:
        known += [event for kind in ("added", "done") for event in _item(kind)(
            f.ItemAdded(item, previous)
        )]  # fmt: skip
        previous = item.id
    return [{"type": "session.created", "session": fact.config}, *known]


# ---- the user's side -------------------------------------------------------------------------


def _speech_started(fact: f.SpeechStarted) -> list[Json]:
    kind = "input_audio_buffer.speech_started"
    return [{"type": kind, "audio_start_ms": fact.at_ms, "item_id": fact.item}]


def _speech_stopped(fact: f.SpeechStopped) -> list[Json]:
    kind = "input_audio_buffer.speech_stopped"
    return [{"type": kind, "audio_end_ms": fact.at_ms, "item_id": fact.item}]


def _committed(fact: f.Committed) -> list[Json]:
    kind = "input_audio_buffer.committed"
    return [{"type": kind, "previous_item_id": fact.previous, "item_id": fact.item}]


def _timeout_triggered(fact: f.TimeoutTriggered) -> list[Json]:
    return [
        {
            "type": "input_audio_buffer.timeout_triggered",
            "audio_start_ms": fact.start_ms,
            "audio_end_ms": fact.end_ms,
            "item_id": fact.item,
        }
    ]


def _key_pressed(fact: f.KeyPressed) -> list[Json]:
    kind = "input_audio_buffer.dtmf_event_received"
    return [{"type": kind, "event": fact.key, "received_at": fact.at}]


def _transcript_delta(fact: f.TranscriptDelta) -> list[Json]:
    kind = "conversation.item.input_audio_transcription.delta"
    return [{"type": kind, "item_id": fact.item, "content_index": 0, "delta": fact.text}]


def _transcribed(fact: f.Transcribed) -> list[Json]:
    return [
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": fact.item,
            "content_index": 0,
            "transcript": fact.text,
            "usage": {"type": "duration", "seconds": fact.seconds},
        }
    ]


def _transcript_segment(fact: f.TranscriptSegment) -> list[Json]:
    return [
        {
            "type": "conversation.item.input_audio_transcription.segment",
            "item_id": fact.item,
            "content_index": 0,
            "id": fact.id,
            "speaker": fact.speaker,
            "text": fact.text,
            "start": fact.start,
            "end": fact.end,
        }
    ]


def _transcription_failed(fact: f.TranscriptionFailed) -> list[Json]:
    error = {"type": "server_error", "code": "transcription_failed", "message": fact.message}
    return [
        {
            "type": "conversation.item.input_audio_transcription.failed",
            "item_id": fact.item,
            "content_index": 0,
            "error": error,
        }
    ]


# ---- items -----------------------------------------------------------------------------------


def _item(kind: str) -> Encoder:
    def encode(fact: f.ItemAdded | f.ItemDone) -> list[Json]:
        return [_item_event(kind, fact.previous, fact.item.wire())]

    return encode


def _item_event(kind: str, previous: str | None, item: Json) -> Json:
    return {"type": f"conversation.item.{kind}", "previous_item_id": previous, "item": item}


def _truncated(fact: f.ItemTruncated) -> list[Json]:
    return [
        {
            "type": "conversation.item.truncated",
            "item_id": fact.item,
            "content_index": fact.content_index,
            "audio_end_ms": fact.audio_end_ms,
        }
    ]


# ---- replies ---------------------------------------------------------------------------------


def _response(status: str, fact: f.ReplyCreated | f.ReplyDone) -> Json:
    shown: Json = {
        "object": "realtime.response",
        "id": fact.reply,
        "status": status,
        "status_details": None,
        "output": [],
        "output_modalities": [fact.modality],
        "max_output_tokens": fact.most_tokens or "inf",
        "usage": None,
        "metadata": fact.metadata,
    }
    if fact.conversation:
        shown["conversation_id"] = "conv_default"
    if fact.audio is not None:
        shown["audio"] = fact.audio
    return shown


def _reply_created(fact: f.ReplyCreated) -> list[Json]:
    return [{"type": "response.created", "response": _response("in_progress", fact)}]


def _reply_done(fact: f.ReplyDone) -> list[Json]:
    response = _response(fact.status, fact)
    response["output"] = [item.wire() for item in fact.items]
    read, written = fact.usage.get("input_tokens", 0), fact.usage.get("output_tokens", 0)
    response["usage"] = {
        "total_tokens": read + written,
        "input_tokens": read,
        "output_tokens": written,
        "input_token_details": {
            "text_tokens": read, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": written, "audio_tokens": 0},
    }  # fmt: skip
    if fact.status in ("cancelled", "incomplete"):
        response["status_details"] = {"type": fact.status, "reason": fact.reason}
    if fact.error is not None:
        kind, code, message = fact.error
        error = {"type": kind, "code": code, "message": message}
        response["status_details"] = {"type": "failed", "error": error}
    return [
        {"type": "response.done", "response": response},
        # Nothing is rationed here; clients wait for the event all the same.
        {"type": "rate_limits.updated", "rate_limits": []},
    ]


def _place(reply: str, item: str, index: int) -> Json:
    return {"response_id": reply, "item_id": item, "output_index": index}


def _in_part(fact: Any) -> Json:
    return {**_place(fact.reply, fact.item, fact.index), "content_index": 0}


def _output_item(kind: str, fact: f.ReplyItemAdded | f.ReplyItemDone, item: Json) -> Json:
    return {
        "type": f"response.output_item.{kind}",
        "response_id": fact.reply,
        "output_index": fact.index,
        "item": item,
    }


def _reply_item_added(fact: f.ReplyItemAdded) -> list[Json]:
    shown = fact.item.with_status("in_progress").wire()
    if fact.item.type == "message":
        shown["content"] = []
    events = [_output_item("added", fact, shown)]
    if fact.conversation:
        events.append(_item_event("added", fact.previous, shown))
    if fact.item.type == "message":
        spoken = fact.modality == "audio"
        events.append(
            {
                "type": "response.content_part.added",
                **_place(fact.reply, fact.item.id, fact.index),
                "content_index": 0,
                "part": {"type": "audio", "transcript": ""} if spoken
                else {"type": "text", "text": ""},
            }
        )  # fmt: skip
    return events


def _reply_item_done(fact: f.ReplyItemDone) -> list[Json]:
    events = _closing(fact.item, _place(fact.reply, fact.item.id, fact.index))
    shown = fact.item.wire()
    if fact.conversation:
        events.append(_item_event("done", fact.previous, shown))
    events.append(_output_item("done", fact, shown))
    return events


def _closing(item: Item, place: Json) -> list[Json]:
    """What ends an item's one part, or its arguments."""
    if item.type == "function_call":
        return [
            {
                "type": "response.function_call_arguments.done",
                **place,
                "call_id": item.call_id,
                "name": item.name,
                "arguments": item.arguments or "",
            }
        ]
    if item.type != "message":
        return []
    in_part = {**place, "content_index": 0}
    part = item.content[0] if item.content else Part("output_text", text="")
    if part.type == "output_audio":
        words = part.transcript or ""
        return [
            {"type": "response.output_audio.done", **in_part},
            {"type": "response.output_audio_transcript.done", **in_part, "transcript": words},
            {
                "type": "response.content_part.done",
                **in_part,
                "part": {"type": "audio", "transcript": words},
            },
        ]
    text = part.text or ""
    return [
        {"type": "response.output_text.done", **in_part, "text": text},
        {"type": "response.content_part.done", **in_part, "part": {"type": "text", "text": text}},
    ]


def _delta(kind: str) -> Encoder:
    def encode(fact: f.ReplyText | f.ReplyTranscript) -> list[Json]:
        return [{"type": f"response.{kind}.delta", **_in_part(fact), "delta": fact.delta}]

    return encode


def _reply_audio(fact: f.ReplyAudio) -> list[Json]:
    sound = base64.b64encode(fact.sound).decode()
    return [{"type": "response.output_audio.delta", **_in_part(fact), "delta": sound}]


def _reply_arguments(fact: f.ReplyArguments) -> list[Json]:
    return [
        {
            "type": "response.function_call_arguments.delta",
            **_place(fact.reply, fact.item, fact.index),
            "call_id": fact.call_id,
            "delta": fact.delta,
        }
    ]


def _buffer(kind: str) -> Encoder:
    def encode(fact: f.AudioStarted | f.AudioStopped | f.AudioCleared) -> list[Json]:
        event: Json = {"type": f"output_audio_buffer.{kind}", "response_id": fact.reply}
        if isinstance(fact, f.AudioStarted):
            event["rtp_timestamp"] = fact.rtp
        return [event]

    return encode


# ---- tools of the Model Context Protocol -----------------------------------------------------


def _mcp_listing(fact: f.McpListing) -> list[Json]:
    return [{"type": f"mcp_list_tools.{fact.phase}", "item_id": fact.item}]


def _mcp_arguments(fact: f.McpArguments) -> list[Json]:
    place = _place(fact.reply, fact.item, fact.index)
    kind = "response.mcp_call_arguments"
    if fact.done:
        return [{"type": f"{kind}.done", **place, "arguments": fact.arguments}]
    return [{"type": f"{kind}.delta", **place, "delta": fact.arguments}]


def _mcp_call(fact: f.McpCall) -> list[Json]:
    place = {"item_id": fact.item, "output_index": fact.index}
    return [{"type": f"response.mcp_call.{fact.phase}", **place}]


# ---- the rest --------------------------------------------------------------------------------


def _failed(fact: f.Failed) -> list[Json]:
    error = {
        "type": fact.type,
        "code": fact.code,
        "message": fact.message,
        "param": fact.param,
        "event_id": fact.event_id,
    }
    return [{"type": "error", "error": error}]


ENCODERS: dict[type, Encoder] = {
    f.SessionCreated: _session_created,
    f.SessionUpdated: lambda x: [{"type": "session.updated", "session": x.config}],
    f.SpeechStarted: _speech_started,
    f.SpeechStopped: _speech_stopped,
    f.Committed: _committed,
    f.TimeoutTriggered: _timeout_triggered,
    f.KeyPressed: _key_pressed,
    f.InputCleared: lambda _: [{"type": "input_audio_buffer.cleared"}],
    f.ItemAdded: _item("added"),
    f.ItemDone: _item("done"),
    f.ItemTruncated: _truncated,
    f.ItemDeleted: lambda x: [{"type": "conversation.item.deleted", "item_id": x.item}],
    f.ItemRetrieved: lambda x: [
        {"type": "conversation.item.retrieved", "item": x.item.wire(audio=True)}
    ],
    f.TranscriptDelta: _transcript_delta,
    f.Transcribed: _transcribed,
    f.TranscriptSegment: _transcript_segment,
    f.TranscriptionFailed: _transcription_failed,
    f.ReplyCreated: _reply_created,
    f.ReplyItemAdded: _reply_item_added,
    f.ReplyText: _delta("output_text"),
    f.ReplyTranscript: _delta("output_audio_transcript"),
    f.ReplyAudio: _reply_audio,
    f.ReplyArguments: _reply_arguments,
    f.ReplyItemDone: _reply_item_done,
    f.ReplyDone: _reply_done,
    f.McpListing: _mcp_listing,
    f.McpArguments: _mcp_arguments,
    f.McpCall: _mcp_call,
    f.AudioStarted: _buffer("started"),
    f.AudioStopped: _buffer("stopped"),
    f.AudioCleared: _buffer("cleared"),
    f.Failed: _failed,
    # The items tell it already.
    f.Appended: lambda _: [],
}

EXTENSIONS: dict[type, str] = {
    f.State: "talkover.state",
    f.Word: "talkover.word",
    f.Ducked: "talkover.ducked",
    f.Held: "talkover.held",
    f.Resumed: "talkover.resumed",
    f.Backchannel: "talkover.backchannel",
    f.Decided: "talkover.decision",
    f.TurnTimings: "talkover.turn",
    f.ToolStep: "talkover.tool",
    f.Partial: "talkover.partial",
    f.Heard: "talkover.heard",
    f.App: "talkover.message",
    f.HandedOff: "talkover.agent",
    f.Network: "talkover.network",
    f.Muted: "talkover.muted",
    f.TakenOver: "talkover.taken_over",
    f.Gap: "talkover.gap",
    f.ClientSound: "talkover.sound",
    f.MoveWanted: "talkover.move",
    f.Ended: "talkover.ended",
}

_RENAMED = {"reply": "response_id", "item": "item_id"}


def _shown(fact: f.Fact) -> Json:
    names = type(fact).__dataclass_fields__
    # A client's own id is for its protocol; every event here has one of ours.
    told = (name for name in names if name != "event_id")
    return {_RENAMED.get(name, name): getattr(fact, name) for name in told}
