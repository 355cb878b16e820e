"""The OpenAI Realtime protocol as a codec: facts to server events, client events to commands."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any, cast

from . import commands as c
from . import facts as f
from .errors import BadEvent
from .ids import fresh
from .items import Item, ItemType, Part, PartType, Role

Json = dict[str, Any]

MOST_AUDIO = 15 * 1024 * 1024
"""Bytes of one `input_audio_buffer.append`, as the protocol has it."""
MOST_EVENT = 21 * 1024 * 1024
"""Characters of one event: that audio in base64, and a little."""
MOST_DEPTH = 64
MOST_TEXT = 256 * 1024


class Codec:
    """One leg's view of a session.

    `extensions`: the leg asked for `talkover.*` events. `audio_events`: the leg has no sound of its
    own, so audio goes as events; otherwise it has `output_audio_buffer.*` instead.
    """

    def __init__(self, *, extensions: bool, audio_events: bool) -> None:
        self.extensions = extensions
        self.audio_events = audio_events

    def encode(self, fact: f.Fact, at_ms: int = 0) -> list[Json]:
        """The events that tell `fact`, in order; none where this leg is not told."""
        name = type(fact).__name__
        extension = _EXTENSIONS.get(name)
        if extension is not None:
            if not self.extensions:
                return []
            return [{"type": extension, "event_id": fresh("event"), **_shown(fact), "at_ms": at_ms}]
        events = _ENCODERS[type(fact)](self, fact)
        return [{"type": e.pop("type"), "event_id": fresh("event"), **e} for e in events]

    def decode(self, text: str | bytes) -> c.Command:
        """A client's event. BadEvent says what is wrong with it."""
        event = _parse(text)
        event_id = event.get("event_id")
        event_id = event_id if isinstance(event_id, str) else None
        kind = event.get("type")
        if not isinstance(kind, str):
            raise BadEvent(
                "The event has no type; every event is a JSON object with a string 'type'.",
                code="missing_required_parameter",
                param="type",
                event_id=event_id,
            )
        decoder = _DECODERS.get(kind)
        if decoder is None:
            raise BadEvent(
                f"Unknown event type {kind[:80]!r}. Known: {', '.join(sorted(_DECODERS))}.",
                code="invalid_value",
                param="type",
                event_id=event_id,
            )
        return decoder(_Fields(event, event_id))


# ---- facts to events -------------------------------------------------------------------------


def _item_added(_: Codec, fact: f.ItemAdded) -> list[Json]:
    return [
        {
            "type": "conversation.item.added",
            "previous_item_id": fact.previous,
            "item": fact.item.wire(),
        }
    ]


def _item_done(_: Codec, fact: f.ItemDone) -> list[Json]:
    return [
        {
            "type": "conversation.item.done",
            "previous_item_id": fact.previous,
            "item": fact.item.wire(),
        }
    ]


def _retrieved(_: Codec, fact: f.ItemRetrieved) -> list[Json]:
    audio = next((part.audio for part in fact.item.content if part.audio is not None), None)
    shown = None if audio is None else base64.b64encode(audio).decode()
    return [{"type": "conversation.item.retrieved", "item": fact.item.wire(audio=shown)}]


def _transcribed(_: Codec, fact: f.Transcribed) -> list[Json]:
    return [
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": fact.item,
            "content_index": 0,
            "transcript": fact.text,
            "usage": {"type": "duration", "seconds": fact.seconds},
        }
    ]


def _transcription_failed(_: Codec, fact: f.TranscriptionFailed) -> list[Json]:
    return [
        {
            "type": "conversation.item.input_audio_transcription.failed",
            "item_id": fact.item,
            "content_index": 0,
            "error": {
                "type": "server_error",
                "code": "transcription_failed",
                "message": fact.message,
            },
        }
    ]


def _response(reply: str, status: str, fact: f.ReplyCreated | f.ReplyDone) -> Json:
    shown: Json = {
        "object": "realtime.response",
        "id": reply,
        "status": status,
        "status_details": None,
        "output": [],
        "output_modalities": [fact.modality],
        "max_output_tokens": "inf",
        "usage": None,
        "metadata": fact.metadata,
    }
    if fact.conversation:
        shown["conversation_id"] = "conv_default"
    return shown


def _reply_created(codec: Codec, fact: f.ReplyCreated) -> list[Json]:
    return [{"type": "response.created", "response": _response(fact.reply, "in_progress", fact)}]


def _reply_done(_: Codec, fact: f.ReplyDone) -> list[Json]:
    response = _response(fact.reply, fact.status, fact)
    response["output"] = [item.wire() for item in fact.items]
    read, written = fact.usage.get("input_tokens", 0), fact.usage.get("output_tokens", 0)
    response["usage"] = {
        "total_tokens": read + written,
        "input_tokens": read,
        "output_tokens": written,
        "input_token_details": {"text_tokens": read, "audio_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"text_tokens": written, "audio_tokens": 0},
    }
    if fact.status in ("cancelled", "incomplete"):
        response["status_details"] = {"type": fact.status, "reason": fact.reason}
    if fact.error is not None:
        kind, code, message = fact.error
        response["status_details"] = {
            "type": "failed",
            "error": {"type": kind, "code": code, "message": message},
        }
    return [{"type": "response.done", "response": response}]


def _place(fact: Any) -> Json:
    item = fact.item if isinstance(fact.item, str) else fact.item.id
    return {"response_id": fact.reply, "item_id": item, "output_index": fact.index}


def _reply_item_added(codec: Codec, fact: f.ReplyItemAdded) -> list[Json]:
    shown = {**fact.item.wire(), "status": "in_progress"}
    if fact.item.type == "message":
        shown["content"] = []
    events: list[Json] = [
        {
            "type": "response.output_item.added",
            "response_id": fact.reply,
            "output_index": fact.index,
            "item": shown,
        },
        {
            "type": "conversation.item.added",
            "previous_item_id": fact.previous,
            "item": shown,
        },
    ]
    if fact.item.type == "message":
        audio = fact.modality == "audio"
        part = {"type": "audio", "transcript": ""} if audio else {"type": "text", "text": ""}
        events.append(
            {
                "type": "response.content_part.added",
                **_place(fact),
                "content_index": 0,
                "part": part,
            }
        )
    return events


def _reply_item_done(codec: Codec, fact: f.ReplyItemDone) -> list[Json]:
    item, events = fact.item, cast(list[Json], [])
    place = {**_place(fact), "content_index": 0}
    if item.type == "message":
        part = item.content[0] if item.content else Part("output_text", text="")
        if part.type == "output_audio":
            transcript = part.transcript or ""
            events += [
                {"type": "response.output_audio.done", **place},
                {
                    "type": "response.output_audio_transcript.done",
                    **place,
                    "transcript": transcript,
                },
            ]
            shown = {"type": "audio", "transcript": transcript}
        else:
            events.append({"type": "response.output_text.done", **place, "text": part.text or ""})
            shown = {"type": "text", "text": part.text or ""}
        events.append({"type": "response.content_part.done", **place, "part": shown})
    elif item.type == "function_call":
        events.append(
            {
                "type": "response.function_call_arguments.done",
                **_place(fact),
                "call_id": item.call_id,
                "name": item.name,
                "arguments": item.arguments or "",
            }
        )
    events.append(
        {
            "type": "conversation.item.done",
            "previous_item_id": fact.previous,
            "item": item.wire(),
        }
    )
    events.append(
        {
            "type": "response.output_item.done",
            "response_id": fact.reply,
            "output_index": fact.index,
            "item": item.wire(),
        }
    )
    return events


def _reply_text(_: Codec, fact: f.ReplyText) -> list[Json]:
    return [
        {
            "type": "response.output_text.delta",
            **_place(fact),
            "content_index": 0,
            "delta": fact.delta,
        }
    ]


def _reply_transcript(_: Codec, fact: f.ReplyTranscript) -> list[Json]:
    return [
        {
            "type": "response.output_audio_transcript.delta",
            **_place(fact),
            "content_index": 0,
            "delta": fact.delta,
        }
    ]


def _reply_audio(codec: Codec, fact: f.ReplyAudio) -> list[Json]:
    if not codec.audio_events:
        return []
    return [
        {
            "type": "response.output_audio.delta",
            **_place(fact),
            "content_index": 0,
            "delta": base64.b64encode(fact.pcm).decode(),
        }
    ]


def _reply_arguments(_: Codec, fact: f.ReplyArguments) -> list[Json]:
    return [
        {
            "type": "response.function_call_arguments.delta",
            **_place(fact),
            "call_id": fact.call_id,
            "delta": fact.delta,
        }
    ]


def _buffer(kind: str) -> Callable[[Codec, Any], list[Json]]:
    def encode(codec: Codec, fact: Any) -> list[Json]:
        if codec.audio_events:
            return []
        event: Json = {"type": f"output_audio_buffer.{kind}", "response_id": fact.reply}
        if isinstance(fact, f.AudioStarted):
            event["rtp_timestamp"] = fact.rtp
        return [event]

    return encode


def _failed(_: Codec, fact: f.Failed) -> list[Json]:
    error = {
        "type": fact.type,
        "code": fact.code,
        "message": fact.message,
        "param": fact.param,
        "event_id": fact.event_id,
    }
    return [{"type": "error", "error": error}]


_ENCODERS: dict[type, Callable[[Codec, Any], list[Json]]] = {
    f.SessionCreated: lambda _, x: [{"type": "session.created", "session": x.config}],
    f.SessionUpdated: lambda _, x: [{"type": "session.updated", "session": x.config}],
    f.SpeechStarted: lambda _, x: [
        {
            "type": "input_audio_buffer.speech_started",
            "audio_start_ms": x.at_ms,
            "item_id": x.item,
        }
    ],
    f.SpeechStopped: lambda _, x: [
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": x.at_ms, "item_id": x.item}
    ],
    f.Committed: lambda _, x: [
        {
            "type": "input_audio_buffer.committed",
            "previous_item_id": x.previous,
            "item_id": x.item,
        }
    ],
    f.InputCleared: lambda _, x: [{"type": "input_audio_buffer.cleared"}],
    f.ItemAdded: _item_added,
    f.ItemDone: _item_done,
    f.ItemTruncated: lambda _, x: [
        {
            "type": "conversation.item.truncated",
            "item_id": x.item,
            "content_index": x.content_index,
            "audio_end_ms": x.audio_end_ms,
        }
    ],
    f.ItemDeleted: lambda _, x: [{"type": "conversation.item.deleted", "item_id": x.item}],
    f.ItemRetrieved: _retrieved,
    f.TranscriptDelta: lambda _, x: [
        {
            "type": "conversation.item.input_audio_transcription.delta",
            "item_id": x.item,
            "content_index": 0,
            "delta": x.text,
        }
    ],
    f.Transcribed: _transcribed,
    f.TranscriptionFailed: _transcription_failed,
    f.ReplyCreated: _reply_created,
    f.ReplyItemAdded: _reply_item_added,
    f.ReplyText: _reply_text,
    f.ReplyTranscript: _reply_transcript,
    f.ReplyAudio: _reply_audio,
    f.ReplyArguments: _reply_arguments,
    f.ReplyItemDone: _reply_item_done,
    f.ReplyDone: _reply_done,
    f.AudioStarted: _buffer("started"),
    f.AudioStopped: _buffer("stopped"),
    f.AudioCleared: _buffer("cleared"),
    f.Failed: _failed,
}

_EXTENSIONS = {
    "State": "talkover.state",
    "Word": "talkover.word",
    "Ducked": "talkover.ducked",
    "Held": "talkover.held",
    "Resumed": "talkover.resumed",
    "Backchannel": "talkover.backchannel",
    "Decided": "talkover.decision",
    "TurnTimings": "talkover.turn",
    "ToolStep": "talkover.tool",
    "Partial": "talkover.partial",
    "Heard": "talkover.heard",
    "App": "talkover.message",
    "Network": "talkover.network",
    "Ended": "talkover.ended",
}

_RENAMED = {"reply": "response_id", "item": "item_id"}


def _shown(fact: f.Fact) -> Json:
    names = type(fact).__dataclass_fields__
    return {_RENAMED.get(name, name): getattr(fact, name) for name in names}


# ---- events to commands ----------------------------------------------------------------------


def _parse(text: str | bytes) -> Json:
    if len(text) > MOST_EVENT:
        raise BadEvent("The event is larger than 20 MB; send audio in smaller pieces.")
    try:
        event = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadEvent(
            "The message is not JSON that can be read; send one JSON object per message.",
            code="invalid_json",
        ) from None
    if not isinstance(event, dict):
        raise BadEvent("The message is not a JSON object.", code="invalid_json")
    found = cast(Json, event)
    if _depth(found) > MOST_DEPTH:
        raise BadEvent(f"The event nests deeper than {MOST_DEPTH} levels.", code="invalid_json")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= MOST_DEPTH:
        depth += 1
        below: list[Any] = []
        for entry in level:
            if isinstance(entry, dict):
                below += cast(Json, entry).values()
            elif isinstance(entry, list):
                below += cast(list[Any], entry)
        level = below
    return depth


class _Fields:
    """Typed reads of one event, each refusal naming the field."""

    def __init__(self, event: Json, event_id: str | None, path: str = "") -> None:
        self.event = event
        self.event_id = event_id
        self.path = path

    def bad(self, name: str, wanted: str) -> BadEvent:
        param = f"{self.path}{name}"
        code = "invalid_value" if name in self.event else "missing_required_parameter"
        message = f"Field {param!r} must be {wanted}."
        return BadEvent(message, code=code, param=param, event_id=self.event_id)

    def text(self, name: str, most: int = MOST_TEXT) -> str:
        value = self.event.get(name)
        if not isinstance(value, str) or len(value) > most:
            raise self.bad(name, f"a string of at most {most} characters")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.bad(name, "valid Unicode text") from None
        return value

    def maybe_text(self, name: str) -> str | None:
        return None if self.event.get(name) is None else self.text(name)

    def number(self, name: str) -> int:
        value = self.event.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 40:
            raise self.bad(name, "a whole number, zero or more")
        return value

    def object(self, name: str) -> Json:
        value = self.event.get(name)
        if not isinstance(value, dict):
            raise self.bad(name, "an object")
        return cast(Json, value)

    def list(self, name: str) -> list[Any]:
        value = self.event.get(name)
        if not isinstance(value, list):
            raise self.bad(name, "a list")
        return cast("list[Any]", value)

    def inside(self, name: str) -> _Fields:
        return _Fields(self.object(name), self.event_id, f"{self.path}{name}.")


def _append(x: _Fields) -> c.Command:
    encoded = x.text("audio", MOST_EVENT)
    try:
        pcm = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise x.bad("audio", "base64") from None
    if len(pcm) > MOST_AUDIO:
        raise x.bad("audio", "at most 15 MiB of audio")
    return c.AppendAudio(pcm, x.event_id)


_PARTS: dict[str, PartType] = {
    "input_text": "input_text",
    "input_audio": "input_audio",
    "input_image": "input_image",
    "output_text": "output_text",
    "output_audio": "output_audio",
    "text": "output_text",
    "audio": "output_audio",
}
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
_ITEM_TYPES: dict[str, ItemType] = {
    "message": "message",
    "function_call": "function_call",
    "function_call_output": "function_call_output",
}


def _part(x: _Fields) -> Part:
    kind = _PARTS.get(x.text("type"))
    if kind is None:
        raise x.bad("type", f"one of {', '.join(sorted(_PARTS))}")
    if kind in ("input_text", "output_text"):
        return Part(kind, text=x.text("text"))
    if kind == "input_image":
        return Part(kind, image_url=x.text("image_url", MOST_EVENT), detail=x.maybe_text("detail"))
    audio = None
    if x.event.get("audio") is not None:
        audio = cast(c.AppendAudio, _append(x)).pcm
        if len(audio) % 2:
            raise x.bad("audio", "16-bit PCM, which has an even number of bytes")
    return Part(kind, transcript=x.maybe_text("transcript"), audio=audio)


def _item(x: _Fields) -> Item:
    kind = _ITEM_TYPES.get(x.text("type"))
    if kind is None:
        raise x.bad("type", f"one of {', '.join(sorted(_ITEM_TYPES))}")
    id = x.maybe_text("id") or fresh("item")
    if kind == "message":
        role = _ROLES.get(x.text("role"))
        if role is None:
            raise x.bad("role", "system, user or assistant")
        parts = tuple(
            _part(_Fields(_object(part, x), x.event_id, f"{x.path}content[{n}]."))
            for n, part in enumerate(x.list("content"))
        )
        return Item(id, kind, role, parts)
    call_id = x.text("call_id")
    if kind == "function_call":
        arguments = x.maybe_text("arguments") or ""
        return Item(id, kind, name=x.text("name"), call_id=call_id, arguments=arguments)
    return Item(id, kind, call_id=call_id, output=x.text("output"))


def _object(value: Any, x: _Fields) -> Json:
    if not isinstance(value, dict):
        raise x.bad("content", "a list of objects")
    return cast(Json, value)


def _create_item(x: _Fields) -> c.Command:
    return c.CreateItem(_item(x.inside("item")), x.maybe_text("previous_item_id"), x.event_id)


def _create_response(x: _Fields) -> c.Command:
    if x.event.get("response") is None:
        return c.CreateResponse(c.ResponseParams(), x.event_id)
    r = x.inside("response")
    modality = None
    if r.event.get("output_modalities") is not None:
        modalities = r.list("output_modalities")
        if modalities not in (["audio"], ["text"]):
            raise r.bad("output_modalities", 'either ["audio"] or ["text"]')
        modality = modalities[0]
    tokens = r.event.get("max_output_tokens")
    if tokens == "inf":
        tokens = None
    elif tokens is not None:
        tokens = r.number("max_output_tokens")
    given: tuple[Item | str, ...] | None = None
    if r.event.get("input") is not None:
        given = tuple(
            _input(_Fields(_object(entry, r), x.event_id, f"{r.path}input[{n}]."))
            for n, entry in enumerate(r.list("input"))
        )
    params = c.ResponseParams(
        instructions=r.maybe_text("instructions"),
        modality=modality,
        tools=None if r.event.get("tools") is None else r.list("tools"),
        tool_choice=r.event.get("tool_choice"),
        max_output_tokens=tokens,
        metadata=None if r.event.get("metadata") is None else r.object("metadata"),
        conversation=r.event.get("conversation") != "none",
        input=given,
    )
    return c.CreateResponse(params, x.event_id)


def _input(x: _Fields) -> Item | str:
    return x.text("id") if x.event.get("type") == "item_reference" else _item(x)


_DECODERS: dict[str, Callable[[_Fields], c.Command]] = {
    "session.update": lambda x: c.UpdateSession(x.object("session"), x.event_id),
    "input_audio_buffer.append": _append,
    "input_audio_buffer.commit": lambda x: c.CommitInput(x.event_id),
    "input_audio_buffer.clear": lambda x: c.ClearInput(x.event_id),
    "output_audio_buffer.clear": lambda x: c.ClearOutput(x.event_id),
    "conversation.item.create": _create_item,
    "conversation.item.retrieve": lambda x: c.RetrieveItem(x.text("item_id"), x.event_id),
    "conversation.item.truncate": lambda x: c.TruncateItem(
        x.text("item_id"), x.number("content_index"), x.number("audio_end_ms"), x.event_id
    ),
    "conversation.item.delete": lambda x: c.DeleteItem(x.text("item_id"), x.event_id),
    "response.create": _create_response,
    "response.cancel": lambda x: c.CancelResponse(x.maybe_text("response_id"), x.event_id),
    "talkover.message": lambda x: c.AppMessage(x.text("name"), x.event.get("data"), x.event_id),
}
