"""Live's session object: into the session's settings at its start, and shown from them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from ..decoding import MOST_ID, MOST_PARTS, Fields
from ..errors import BadEvent
from ..ids import fresh
from ..items import Item, Part, PartType, Role

Json = dict[str, Any]

DELEGATE = "delegate_to_application"
"""The tool by which the model hands work to a client; its call is the delegation."""
_DELEGATE_TOOL: Json = {
    "type": "function",
    "name": DELEGATE,
    "description": "Hand what the user asks for over to the application, which knows the "
    "conversation. Its answer comes later. Use it where your instructions say so, and for what "
    "neither you nor your other tools can do.",
    "parameters": {"type": "object", "properties": {}},
}
MOST_HISTORY = 128
_BACKEND_MODEL = "talkover"
_ROLES: dict[str, tuple[Role, PartType]] = {
    "developer": ("system", "input_text"),
    "user": ("user", "input_text"),
    "assistant": ("assistant", "output_text"),
}
_SILENT = {"audio/pcmu": 0xFF, "audio/pcma": 0xD5}


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a page may send and be sent on its data channel; None: everything.

    An event of a delegated response is named as `response.event:response.created`.
    """

    client: frozenset[str] | None = None
    server: frozenset[str] | None = None


EVERYTHING = Permissions()


@dataclass(frozen=True, slots=True)
class Startup:
    """A new session: the Realtime settings it has, what was said before, who may say what."""

    config: Json
    history: tuple[Item, ...]
    permissions: Permissions


def startup(x: Fields, *, media: bool) -> Startup:
    """Read a `session`. `media`: its sound comes over WebRTC. BadEvent names what is wrong."""
    _no_triggers(x)
    config: Json = {"model": x.text("model", MOST_ID)}
    delegation = _delegation(x, None)
    rules = [x.maybe_text("instructions"), delegation.pop("instructions", None)]
    if any(rules):
        config["instructions"] = "\n\n".join(filter(None, rules))
    config |= delegation
    if (audio := _audio(x, media=media)) is not None:
        config["audio"] = audio
    return Startup(config, _history(x), _permissions(x))


def update(x: Fields, shown: Json) -> Json:
    """A `session.update` as a patch of the settings that are `shown` now. BadEvent."""
    _no_triggers(x)
    if x.event.get("delegation") is None:
        return {}
    patch = _delegation(x, _owner(shown))
    if patch.pop("instructions", None) is not None:
        raise _unsupported(
            x, "delegation.responses.instructions",
            "The instructions are fixed since the start; add to them with "
            "session.instructions.append.",
        )  # fmt: skip
    return patch


def resource(shown: Json, *, media: bool) -> Json:
    """Settings, as Realtime shows them, as Live does. `media`: its sound goes over WebRTC."""
    audio = shown["audio"]
    found: Json = {"output": {"voice": audio.get("output", {}).get("voice", "default")}}
    if not media:
        found["format"] = _shown_format(audio["input"]["format"])
    return {
        "id": shown["id"],
        "expires_at": shown["expires_at"],
        "model": shown.get("model", "talkover"),
        "status": "active",
        "instructions": shown.get("instructions", ""),
        "audio": found,
        "delegation": _shown_delegation(shown),
        "store": False,
    }


def silence(shown: Json) -> tuple[int, bytes]:
    """Bytes for each millisecond in the session's output format, and one of silence."""
    format = shown["audio"]["output"]["format"]
    if format["type"] in _SILENT:
        return 8, bytes((_SILENT[format["type"]],))
    return format["rate"] * 2 // 1000, b"\0"


# ---- delegation ------------------------------------------------------------------------------


def _owner(shown: Json) -> str | None:
    """Whom the session delegates to; None: to nobody yet."""
    names = [tool.get("name") for tool in shown.get("tools", ())]
    if not names:
        return None
    return "client" if DELEGATE in names else "responses"


def _shown_delegation(shown: Json) -> Json | None:
    match _owner(shown):
        case "client":
            return {"type": "client"}
        case "responses":
            return {
                "type": "responses",
                "responses": {
                    "model": shown.get("model", _BACKEND_MODEL),
                    "tools": shown["tools"],
                    "tool_choice": shown.get("tool_choice", "auto"),
                },
            }
        case _:
            return None


def _delegation(x: Fields, owner: str | None) -> Json:
    """The settings behind a `delegation`, which stays with the same owner."""
    asked = None if x.event.get("delegation") is None else x.inside("delegation")
    kind = "client" if asked is None else asked.text("type")
    if kind == "decisions":
        message = "This server runs no Decisions; delegate to client or responses."
        raise _unsupported(x, "delegation.type", message)
    if kind not in ("client", "responses"):
        raise x.bad("delegation", "null or of type client or responses")
    if owner is not None and kind != owner:
        message = f"This session delegates to {owner}, and that stays."
        raise _unsupported(x, "delegation.type", message)
    if kind == "client" or asked is None:
        return {} if owner else {"tools": [_DELEGATE_TOOL]}
    if asked.event.get("responses") is None and owner is not None:
        return {}
    responses = asked.inside("responses")
    found: Json = {}
    if responses.event.get("tools") is not None:
        found["tools"] = [_tool(tool) for tool in responses.objects("tools", MOST_PARTS)]
    if responses.event.get("tool_choice") is not None:
        found["tool_choice"] = responses.event["tool_choice"]
    if (rules := responses.maybe_text("instructions")) is not None:
        found["instructions"] = rules
    return found


def _no_triggers(x: Fields) -> None:
    if x.event.get("triggers"):
        raise _unsupported(x, "triggers", "This server runs no Decisions; leave triggers out.")


def _tool(x: Fields) -> Json:
    if x.text("type") != "function":
        raise _unsupported(x, "type", "Only function tools run here; give the others to the agent.")
    x.text("name", MOST_ID)
    return {name: value for name, value in x.event.items() if value is not None}


def _unsupported(x: Fields, name: str, message: str) -> BadEvent:
    return BadEvent(
        message, code="unsupported_parameter", param=f"{x.path}{name}", event_id=x.event_id
    )


# ---- sound -----------------------------------------------------------------------------------


def _audio(x: Fields, *, media: bool) -> Json | None:
    if x.event.get("audio") is None:
        return None
    audio = x.inside("audio")
    found: Json = {"input": {}, "output": {}}
    if audio.event.get("format") is not None:
        if media:
            message = "WebRTC negotiates its own format; leave audio.format out."
            raise _unsupported(x, "audio.format", message)
        format = _format(audio.inside("format"))
        found["input"]["format"] = found["output"]["format"] = format
    if audio.event.get("output") is not None:
        output = audio.inside("output")
        voice = output.event.get("voice")
        if voice is not None:
            found["output"]["voice"] = voice
    return found


def _format(x: Fields) -> Json:
    kind = x.text("type")
    if kind == "audio/pcm":
        if x.number("rate") not in (16000, 24000):
            raise x.bad("rate", "16000 or 24000")
        return {"type": kind, "rate": x.number("rate")}
    if kind not in _SILENT:
        raise x.bad("type", "audio/pcm, audio/pcmu or audio/pcma")
    if x.event.get("rate") not in (None, 8000):
        raise x.bad("rate", "8000")
    return {"type": kind}


def _shown_format(format: Json) -> Json:
    return format if "rate" in format else {**format, "rate": 8000}


# ---- the rest --------------------------------------------------------------------------------


def _history(x: Fields) -> tuple[Item, ...]:
    if x.event.get("input") is None:
        return ()
    return tuple(_said(entry) for entry in x.objects("input", MOST_HISTORY))


def _said(x: Fields) -> Item:
    role, kind = _ROLES.get(x.text("role"), (None, None))
    if role is None or kind is None:
        raise x.bad("role", "developer, user or assistant")
    content = x.objects("content", 1)
    if not content:
        raise x.bad("content", "one text")
    part = Part(kind, text=content[0].text("text"))
    return Item(x.maybe_id("id") or fresh("item"), "message", role, (part,))


def _permissions(x: Fields) -> Permissions:
    if x.event.get("client") is None:
        return EVERYTHING
    channel = x.inside("client").inside("data_channel")
    return Permissions(
        _names(channel, "allowed_client_events"), _names(channel, "allowed_server_events")
    )


def _names(x: Fields, name: str) -> frozenset[str] | None:
    value = x.event.get(name)
    if value is None or value == "all":
        return None
    if not isinstance(value, list) or len(cast("list[Any]", value)) > MOST_PARTS:
        raise x.bad(name, '"all" or a list of event types')
    found: set[str] = set()
    for entry in cast("list[Any]", value):
        match entry:
            case str():
                found.add(entry)
            case {"type": str(kind), "response_event": str(inner)}:
                found.add(f"{kind}:{inner}")
            case {"type": str(kind)}:
                found.add(kind)
            case _:
                raise x.bad(name, '"all" or a list of event types')
    return frozenset(found)
