"""Client events of the Realtime protocol to commands; whatever is wrong with one is a BadEvent."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Collection
from typing import Any, Literal, cast

from pydantic import Field, ValidationError

from . import beta
from . import commands as c
from .config import (
    ConfigPart,
    Format,
    Modalities,
    MostTokens,
    Prompt,
    Reasoning,
    Tool,
    ToolChoice,
    VoiceId,
    bad_value,
)
from .errors import BadEvent
from .ids import fresh
from .items import Item, ItemType, McpType, Part, PartType, Role

Json = dict[str, Any]

MOST_AUDIO = 15 * 1024 * 1024
"""Bytes of one `input_audio_buffer.append`, as the protocol has it."""
MOST_EVENT = 21 * 1024 * 1024
"""Characters of one event: that audio in base64, and a little."""
MOST_DEPTH = 64
MOST_TEXT = 256 * 1024
MOST_ID = 512
MOST_PARTS = 256
MOST_METADATA = 64
"""Pairs; stock clients add some of their own."""


def decode(text: str | bytes, *, operator: bool = False) -> c.Command:
    """A client's event. BadEvent says what is wrong with it, under the client's `event_id`.

    `operator`: it may be one of those that only who runs the server has.
    """
    known = DECODERS | OPERATOR if operator else DECODERS
    kind, fields = read(text, known)
    return known[kind](fields)


def read(text: str | bytes, known: Collection[str]) -> tuple[str, Fields]:
    """An event's type, which is among the known ones, and its fields. BadEvent."""
    event = _parse(text)
    event_id = event.get("event_id")
    event_id = event_id if isinstance(event_id, str) and len(event_id) <= MOST_ID else None
    fields = Fields(event, event_id)
    if event.get("event_id") is not None and event_id is None:
        raise fields.bad("event_id", f"a string of at most {MOST_ID} characters")
    kind = event.get("type")
    if not isinstance(kind, str):
        raise BadEvent(
            "The event has no type; every event is a JSON object with a string 'type'.",
            code="missing_required_parameter",
            param="type",
            event_id=event_id,
        )
    if kind not in known:
        raise BadEvent(
            f"Unknown event type {kind[:80]!r}. Known: {', '.join(sorted(known))}.",
            code="invalid_value",
            param="type",
            event_id=event_id,
        )
    return kind, fields


def _parse(text: str | bytes) -> Json:
    if len(text) > MOST_EVENT:
        raise BadEvent(
            "The event is larger than 20 MB; send audio in smaller pieces.",
            code="string_above_max_length",
        )
    try:
        event = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
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
    if _has_half_a_pair(text):
        _check_unicode(found)
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _has_half_a_pair(text: str | bytes) -> bool:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return _SURROGATE.search(text) is not None


def _check_unicode(event: Json) -> None:
    try:
        json.dumps(event, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadEvent("The message is not valid Unicode text.", code="invalid_json") from None


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


class Fields:
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
        if not isinstance(value, str):
            raise self.bad(name, "a string")
        if len(value) > most:
            error = self.bad(name, f"a string of at most {most} characters")
            error.code = "string_above_max_length"
            raise error
        return value

    def id(self, name: str) -> str:
        return self.text(name, MOST_ID)

    def maybe_id(self, name: str) -> str | None:
        return None if self.event.get(name) is None else self.id(name)

    def maybe_text(self, name: str) -> str | None:
        return None if self.event.get(name) is None else self.text(name)

    def flag(self, name: str) -> bool:
        value = self.event.get(name)
        if not isinstance(value, bool):
            raise self.bad(name, "true or false")
        return value

    def number(self, name: str) -> int:
        value = self.event.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
            raise self.bad(name, "a whole number, zero or more")
        return value

    def object(self, name: str) -> Json:
        value = self.event.get(name)
        if not isinstance(value, dict):
            raise self.bad(name, "an object")
        return cast(Json, value)

    def objects(self, name: str, most: int) -> list[Fields]:
        """A list of objects, each to be read in the same way."""
        value = self.event.get(name)
        if not isinstance(value, list) or len(cast("list[Any]", value)) > most:
            raise self.bad(name, f"a list of at most {most} objects")
        found: list[Fields] = []
        for n, entry in enumerate(cast("list[Any]", value)):
            if not isinstance(entry, dict):
                raise self.bad(name, "a list of objects")
            path = f"{self.path}{name}[{n}]."
            found.append(Fields(cast(Json, entry), self.event_id, path))
        return found

    def inside(self, name: str) -> Fields:
        return Fields(self.object(name), self.event_id, f"{self.path}{name}.")


# ---- audio and items -------------------------------------------------------------------------


def _append(x: Fields) -> c.Command:
    return c.AppendAudio(sound(x), x.event_id)


def sound(x: Fields) -> bytes:
    """The bytes of `audio`. BadEvent."""
    encoded = x.text("audio", MOST_EVENT)
    try:
        found = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise x.bad("audio", "base64") from None
    if len(found) > MOST_AUDIO:
        raise x.bad("audio", "at most 15 MiB of audio")
    return found


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
_FITTING: dict[Role, tuple[PartType, ...]] = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio", "input_image"),
    "assistant": ("output_text", "output_audio"),
}
_ITEM_TYPES: dict[str, ItemType] = {
    "message": "message",
    "function_call": "function_call",
    "function_call_output": "function_call_output",
}
_MCP_FIELDS: dict[str, tuple[McpType, tuple[str, ...]]] = {
    "mcp_list_tools": ("mcp_list_tools", ("server_label", "tools")),
    "mcp_call": ("mcp_call", ("server_label", "name", "arguments")),
    "mcp_approval_request": ("mcp_approval_request", ("server_label", "name", "arguments")),
    "mcp_approval_response": ("mcp_approval_response", ("approval_request_id", "approve")),
}
"""Item → its own type, and the fields that it must have."""


def _part(x: Fields, role: Role) -> Part:
    kind = _PARTS.get(x.text("type"))
    if kind not in _FITTING[role]:
        raise x.bad("type", f"one of {', '.join(_FITTING[role])} in a message of the {role}")
    if kind in ("input_text", "output_text"):
        return Part(kind, text=x.text("text"))
    if kind == "input_image":
        url = x.text("image_url", MOST_EVENT)
        if not url.startswith(("data:image/", "https://", "http://")):
            raise x.bad("image_url", "a data: URI of an image, or an http(s) URL")
        detail = x.maybe_text("detail")
        if detail not in (None, "auto", "low", "high"):
            raise x.bad("detail", "auto, low or high")
        return Part(kind, image_url=url, detail=detail)
    heard = None if x.event.get("audio") is None else sound(x)
    return Part(kind, transcript=x.maybe_text("transcript"), audio=heard)


def item(x: Fields) -> Item:
    """A conversation item. BadEvent."""
    name = x.text("type")
    id = x.maybe_id("id") or fresh("item")
    if name in _MCP_FIELDS:
        return _mcp_item(x, id, *_MCP_FIELDS[name])
    kind = _ITEM_TYPES.get(name)
    if kind is None:
        raise x.bad("type", f"one of {', '.join((*_ITEM_TYPES, *_MCP_FIELDS))}")
    if kind == "message":
        role = _ROLES.get(x.text("role"))
        if role is None:
            raise x.bad("role", "system, user or assistant")
        parts = tuple(_part(part, role) for part in x.objects("content", MOST_PARTS))
        return Item(id, kind, role, parts)
    if kind == "function_call":
        arguments = x.maybe_text("arguments") or ""
        call_id = x.maybe_id("call_id") or fresh("call")
        return Item(id, kind, name=x.text("name"), call_id=call_id, arguments=arguments)
    return Item(id, kind, call_id=x.id("call_id"), output=x.text("output"))


def _mcp_item(x: Fields, id: str, kind: McpType, needed: tuple[str, ...]) -> Item:
    for name in needed:
        match name:
            case "tools":
                x.objects(name, MOST_PARTS)
            case "approve":
                if not isinstance(x.event.get(name), bool):
                    raise x.bad(name, "true or false")
            case _:
                x.text(name)
    return Item(id, kind, mcp={k: v for k, v in x.event.items() if k not in ("id", "type")})


def _create_item(x: Fields) -> c.Command:
    return c.CreateItem(item(x.inside("item")), x.maybe_id("previous_item_id"), x.event_id)


# ---- responses -------------------------------------------------------------------------------


class _Output(ConfigPart):
    voice: str | VoiceId | None = None
    format: Format | None = None


class _Audio(ConfigPart):
    output: _Output = _Output()


class _Response(ConfigPart):
    """What of `response` needs no reading of items."""

    instructions: str | None = Field(default=None, max_length=MOST_TEXT)
    output_modalities: Modalities | None = None
    audio: _Audio = _Audio()
    tools: list[Tool] | None = Field(default=None, max_length=512)
    tool_choice: ToolChoice | None = None
    max_output_tokens: MostTokens | None = None
    metadata: dict[str, str] | None = Field(default=None, max_length=MOST_METADATA)
    conversation: Literal["auto", "none"] = "auto"
    prompt: Prompt | None = None
    reasoning: Reasoning | None = None
    parallel_tool_calls: bool | None = None


def _create_response(x: Fields) -> c.Command:
    if x.event.get("response") is None:
        return c.CreateResponse(c.ResponseParams(), x.event_id)
    settings = beta.current(x.object("response"))
    r = Fields(settings, x.event_id, "response.")
    try:
        asked = _Response.model_validate(settings)
    except ValidationError as error:
        raise bad_value("response", error, x.event_id) from None
    given: tuple[Item | str, ...] | None = None
    if settings.get("input") is not None:
        given = tuple(_input(entry) for entry in r.objects("input", MOST_PARTS))
    output = asked.audio.output
    return c.CreateResponse(
        c.ResponseParams(
            instructions=asked.instructions,
            modality=asked.output_modalities[0] if asked.output_modalities else None,
            voice=output.voice.id if isinstance(output.voice, VoiceId) else output.voice,
            format=output.format,
            tools=None if asked.tools is None else tuple(asked.tools),
            tool_choice=asked.tool_choice,
            max_output_tokens=asked.max_output_tokens,
            metadata=asked.metadata,
            conversation=asked.conversation != "none",
            input=given,
        ),
        x.event_id,
    )


def _input(x: Fields) -> Item | str:
    return x.id("id") if x.event.get("type") == "item_reference" else item(x)


def _truncate(x: Fields) -> c.Command:
    return c.TruncateItem(
        x.id("item_id"), x.number("content_index"), x.number("audio_end_ms"), x.event_id
    )


EXTENSIONS: dict[str, Callable[[Fields], c.Command]] = {
    "talkover.message": lambda x: c.AppMessage(x.text("name"), x.event.get("data"), x.event_id),
    "talkover.timings": lambda x: c.TellTimings(
        x.id("response_id"), x.number("capture_ms"), x.number("heard_at_ms"), x.event_id
    ),
    "talkover.moving": lambda x: c.Moving(x.event_id),
    "talkover.resume": lambda x: c.Resume(x.event_id),
}
"""Ours, in any dialect."""

DECODERS: dict[str, Callable[[Fields], c.Command]] = {
    "session.update": lambda x: c.UpdateSession(beta.current(x.object("session")), x.event_id),
    "input_audio_buffer.append": _append,
    "input_audio_buffer.commit": lambda x: c.CommitInput(x.event_id),
    "input_audio_buffer.clear": lambda x: c.ClearInput(x.event_id),
    "output_audio_buffer.clear": lambda x: c.ClearOutput(x.event_id),
    "conversation.item.create": _create_item,
    "conversation.item.retrieve": lambda x: c.RetrieveItem(x.id("item_id"), x.event_id),
    "conversation.item.truncate": _truncate,
    "conversation.item.delete": lambda x: c.DeleteItem(x.id("item_id"), x.event_id),
    "response.create": _create_response,
    "response.cancel": lambda x: c.CancelResponse(x.maybe_id("response_id"), x.event_id),
    **EXTENSIONS,
}

OPERATOR: dict[str, Callable[[Fields], c.Command]] = {
    "talkover.say": lambda x: c.Speak(x.text("text"), x.event_id),
    "talkover.take_over": lambda x: c.TakeOver(x.flag("on"), x.event_id),
}
