"""The protocol as a document: `python -m talkover.protocol.reference` prints docs/events.md.

Nothing here is written by hand but what no code says: a fact of every kind is made up and encoded,
every decoder is watched while it reads, and the session's settings are walked.
"""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, Literal, Union, get_args, get_origin

from . import commands as c
from . import facts as f
from .config import ConfigPart, SessionConfig
from .decoding import DECODERS, Fields
from .encoding import EXTENSIONS, encode
from .items import Item, Part

Json = dict[str, Any]
Row = tuple[str, str, str]

_SPOKEN = Item("item_1", "message", "assistant", (Part("output_audio", transcript="Hello."),))
_WRITTEN = Item("item_1", "message", "assistant", (Part("output_text", text="Hello."),))
_CALL = Item("item_1", "function_call", name="weather", call_id="call_1", arguments="{}")
_BY_NAME: Json = {"config": SessionConfig().effective("sess_1", 0)}


# ---- what the server says --------------------------------------------------------------------


def _made_up(hint: Any, name: str) -> list[Any]:
    """Values that a fact's field may have: enough of them to see all events."""
    if name in _BY_NAME:
        return [_BY_NAME[name]]
    if hint is Item:
        return [_SPOKEN, _WRITTEN, _CALL]
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return list(inner)
    if origin in (Union, type(int | str)):
        known = _made_up(next(one for one in inner if one is not type(None)), name)
        return [*known, None] if type(None) in inner else known
    if origin is tuple:
        return [tuple(_made_up(one, name)[0] for one in inner if one is not ...)]
    plain: dict[Any, list[Any]] = {
        str: [name], int: [0], float: [0.5], bytes: [b""], bool: [False, True], dict: [{}],
    }  # fmt: skip
    bare: Any = origin or hint
    return plain.get(bare, [{}])


def _samples(kind: type) -> list[f.Fact]:
    hints = typing.get_type_hints(kind)
    fields: list[Any] = list(dataclasses.fields(kind))
    values = {field.name: _made_up(hints[field.name], field.name) for field in fields}
    first = {name: options[0] for name, options in values.items()}
    return [
        kind(**first | {name: option}) for name, options in values.items() for option in options
    ] or [kind()]


def _type_of(value: Any) -> str:
    names = {
        "str": "string", "bool": "boolean", "int": "integer", "float": "number", "dict": "object",
        "NoneType": "null",
    }  # fmt: skip
    return names.get(type(value).__name__, "array")


def server_events() -> dict[str, tuple[str, dict[str, set[str]], str]]:
    """Event → what it tells, its fields with their types, and where it is told."""
    found: dict[str, tuple[str, dict[str, set[str]], str]] = {}
    for kind in get_args(f.Fact):
        legs: dict[str, set[str]] = {}
        for fact in _samples(kind):
            for sound in (True, False):
                for event in encode(fact, 0, extensions=True, audio_events=sound):
                    name = event.pop("type")
                    legs.setdefault(name, set()).add("WebSocket" if sound else "WebRTC, sideband")
                    fields = found.setdefault(name, (_doc(kind), {}, ""))[1]
                    for field, value in event.items():
                        fields.setdefault(field, set()).add(_type_of(value))
        for name, where in legs.items():
            told = "everywhere" if len(where) == 2 else next(iter(where))
            found[name] = (*found[name][:2], told)
    return dict(sorted(found.items()))


def _doc(kind: type) -> str:
    # Dataclasses without words of their own have their signature there.
    text = (kind.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    return "" if text.startswith(f"{kind.__name__}(") else " ".join(text.split())


# ---- what clients say ------------------------------------------------------------------------


class _Watched(Fields):
    """Fields that are all there, and remember who asked for them."""

    def __init__(self, event: Json) -> None:
        super().__init__(event, None)
        self.read: dict[str, str] = {}

    def _note(self, name: str, kind: str) -> None:
        self.read[name] = kind

    def text(self, name: str, most: int = 0) -> str:
        self._note(name, "string")
        return ""

    def maybe_text(self, name: str) -> str | None:
        self._note(name, "string, optional")
        return None

    def maybe_id(self, name: str) -> str | None:
        self._note(name, "string, optional")
        return None

    def number(self, name: str) -> int:
        self._note(name, "integer")
        return 0

    def object(self, name: str) -> Json:
        self._note(name, "object")
        return {}

    def inside(self, name: str) -> Fields:
        self._note(name, "object")
        item: Json = {"type": "message", "role": "user", "content": []}
        return Fields(item, None)


def client_events() -> dict[str, tuple[str, dict[str, str]]]:
    """Event → what it asks for, and its fields."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for name, decoder in sorted(DECODERS.items()):
        watched = _Watched({"response": {}})
        command = decoder(watched)
        read = watched.read
        if isinstance(command, c.CreateResponse):
            read["response"] = "object, optional"
        if isinstance(command, c.AppMessage):
            read["data"] = "any"
        found[name] = (_doc(type(command)), read | {"event_id": "string, optional"})
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


def _table(head: Row, rows: list[Row]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (head, ("---", "---", "---"), *rows)]


def document() -> str:
    """Markdown."""
    server, client = server_events(), client_events()
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

    asked: list[Row] = [
        (f"`{name}`", ", ".join(f"`{field}` {kind}" for field, kind in fields.items()), doc or "—")
        for name, (doc, fields) in client.items()
    ]
    return "\n".join([
        "# Events",
        "",
        "Made from `python/talkover/protocol` by `python -m talkover.protocol.reference`. The "
        "OpenAI Realtime protocol, as its GA clients speak it; beta names are read as what they "
        "became and never sent.",
        "",
        "## From clients",
        "",
        *_table(("event", "fields", ""), asked),
        "",
        "What is wrong with an event comes back as `error` with its `event_id`, a `code` and the "
        "field's path in `param`; the session goes on.",
        "",
        "## From the server",
        "",
        "Each has an `event_id`, but for `input_audio_buffer.dtmf_event_received`.",
        "",
        *_table(("event", "fields", "told"), told([n for n in server if n not in ours])),
        "",
        "## From the server, with `?extensions=talkover`",
        "",
        *_table(("event", "fields", "told"), told([n for n in server if n in ours])),
        "",
        "## A session's settings",
        "",
        "As `session.update`, a client secret's `session` and a call's form have them. `null` is "
        "the default, except where it is among the types.",
        "",
        *_table(
            ("setting", "type", "default"),
            [(f"`{name}`", kind, f"`{default}`") for name, kind, default in settings()],
        ),
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    print(document(), end="")
