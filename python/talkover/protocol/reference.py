"""The protocol as a document: `python -m talkover.protocol.reference` prints docs/events.md.

Nothing here is written by hand but what no code says: a fact of every kind is made up and encoded,
every decoder is watched while it reads, and the session's settings are walked.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any, Literal, Union, get_args, get_origin

from . import commands as c
from . import facts as f
from .config import ConfigPart, SessionConfig
from .decoding import DECODERS, OPERATOR, Fields
from .encoding import EXTENSIONS, encode
from .live import reference as live
from .walk import Row, Watched, doc_of, samples, table, type_of

# ---- what the server says --------------------------------------------------------------------


def server_events() -> dict[str, tuple[str, dict[str, set[str]], str]]:
    """Event → what it tells, its fields with their types, and where it is told."""
    found: dict[str, tuple[str, dict[str, set[str]], str]] = {}
    for kind in get_args(f.Fact):
        legs: dict[str, set[str]] = {}
        for fact in samples(kind):
            for sound in (True, False):
                for event in encode(fact, 0, extensions=True, audio_events=sound):
                    name = event.pop("type")
                    legs.setdefault(name, set()).add("WebSocket" if sound else "WebRTC, sideband")
                    fields = found.setdefault(name, (doc_of(kind), {}, ""))[1]
                    for field, value in event.items():
                        fields.setdefault(field, set()).add(type_of(value))
        for name, where in legs.items():
            told = "everywhere" if len(where) == 2 else next(iter(where))
            found[name] = (*found[name][:2], told)
    return dict(sorted(found.items()))


# ---- what clients say ------------------------------------------------------------------------


def client_events(
    decoders: dict[str, Callable[[Fields], c.Command]],
) -> dict[str, tuple[str, dict[str, str]]]:
    """Event → what it asks for, and its fields."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for name, decoder in sorted(decoders.items()):
        watched = Watched({"response": {}})
        command = decoder(watched)
        read = watched.read
        if isinstance(command, c.CreateResponse):
            read["response"] = "object, optional"
        if isinstance(command, c.AppMessage):
            read["data"] = "any"
        found[name] = (doc_of(type(command)), read | {"event_id": "string, optional"})
    return found


# ---- the session -----------------------------------------------------------------------------


def settings(model: type[ConfigPart] = SessionConfig, path: str = "") -> list[Row]:
    """Each setting's dotted name, type and default."""
    rows: list[Row] = []
    for name, field in model.model_fields.items():
        hint: Any = field.annotation
        default: Any = field.get_default(call_default_factory=True)
        if isinstance(hint, type) and issubclass(hint, ConfigPart):
            rows += settings(hint, f"{path}{name}.")
            continue
        if isinstance(default, ConfigPart):
            default = default.model_dump(exclude_none=True)
        rows.append((f"{path}{name}", _shown(hint), _value(default)))
    return rows


def _shown(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is typing.Annotated:
        return _shown(inner[0])
    if origin is Literal:
        return ", ".join(f'"{one}"' for one in inner)
    if origin in (Union, type(int | str)):
        return " or ".join(_shown(one) for one in inner)
    if origin is list:
        return f"list of {_shown(inner[0])}"
    if isinstance(hint, type) and issubclass(hint, ConfigPart):
        kind: Any = hint.model_fields.get("type")
        named = None if kind is None else get_args(kind.annotation)
        return f'"{named[0]}" object' if named else "object"
    names: dict[Any, str] = {type(None): "null", bool: "boolean", str: "string", int: "integer"}
    return names.get(hint, "number" if hint is float else "object")


def _value(value: Any) -> str:
    # The words of Python that JSON has otherwise; nothing else is among the defaults.
    words = {None: "null", True: "true", False: "false"}
    shown = words[value] if value is None or isinstance(value, bool) else str(value)
    return shown.replace("'", '"').replace("True", "true") if shown else '""'


# ---- the document ----------------------------------------------------------------------------


def document() -> str:
    """Markdown."""
    server = server_events()
    ours = set(EXTENSIONS.values())

    def told(names: list[str]) -> list[Row]:
        rows: list[Row] = []
        for name in names:
            doc, fields, where = server[name]
            listed = ", ".join(
                f"`{field}` {' or '.join(sorted(kinds))}" for field, kinds in fields.items()
                if field != "event_id"
            )  # fmt: skip
            rows.append((f"`{name}`", listed or "—", f"{where}{'. ' + doc if doc else ''}"))
        return rows

    def asked(decoders: dict[str, Callable[[Fields], c.Command]]) -> list[Row]:
        return [
            (f"`{name}`", ", ".join(f"`{one}` {kind}" for one, kind in fields.items()), doc or "—")
            for name, (doc, fields) in client_events(decoders).items()
        ]

    return "\n".join([
        *_head(asked(DECODERS), asked(OPERATOR)),
        "## From the server",
        "",
        "Each has an `event_id`, but for `input_audio_buffer.dtmf_event_received`.",
        "",
        *table(("event", "fields", "told"), told([n for n in server if n not in ours])),
        "",
        "## From the server, with `?extensions=talkover`",
        "",
        *table(("event", "fields", "told"), told([n for n in server if n in ours])),
        "",
        "## A session's settings",
        "",
        "As `session.update`, a client secret's `session` and a call's form have them. `null` is "
        "the default, except where it is among the types.",
        "",
        *table(
            ("setting", "type", "default"),
            [(f"`{name}`", kind, f"`{default}`") for name, kind, default in settings()],
        ),
        "",
        *_opus(),
        *live.sections(),
    ])  # fmt: skip


def _opus() -> list[str]:
    return [
        "`audio/opus` is an extension of ours, for a WebSocket that has the session's sound: once "
        "`session.updated` has told of it, each binary message is one Opus packet (RFC 6716, mono, "
        "no container), from the client of any length, from the server of 20 ms. Binary messages "
        "stand for `input_audio_buffer.append` and `response.output_audio.delta`, and belong to "
        "the item that the events around them tell of; `input_audio_buffer.append` with one packet "
        "in Base64 works, too. Sound within items stays PCM at 24 kHz.",
        "",
    ]


def _head(clients: list[Row], operators: list[Row]) -> list[str]:
    return [
        "# Events",
        "",
        "Made from `python/talkover/protocol` by `python -m talkover.protocol.reference`. The "
        "OpenAI Realtime protocol, as its GA clients speak it; beta names are read as what they "
        "became and never sent.",
        "",
        "## From clients",
        "",
        *table(("event", "fields", ""), clients),
        "",
        "From whoever runs the server, in `POST /v1/sessions/{id}/events` and on a socket that "
        "listens (`audio=listen`), also:",
        "",
        *table(("event", "fields", ""), operators),
        "",
        "What is wrong with an event comes back as `error` with its `event_id`, a `code` and the "
        "field's path in `param`; the session goes on.",
        "",
    ]


if __name__ == "__main__":
    print(document(), end="")
