"""Walks a protocol for its documents: facts are made up, decoders watched while they read."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, Literal, Union, get_args, get_origin

from . import facts as f
from .config import SessionConfig
from .decoding import Fields
from .items import Item, Part

Json = dict[str, Any]
Row = tuple[str, str, str]

_SPOKEN = Item("item_1", "message", "assistant", (Part("output_audio", transcript="Hello."),))
_WRITTEN = Item("item_1", "message", "assistant", (Part("output_text", text="Hello."),))
_CALL = Item("item_1", "function_call", name="weather", call_id="call_1", arguments="{}")
_BY_NAME: Json = {"config": SessionConfig().effective("sess_1", 0)}


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


def samples(kind: type) -> list[f.Fact]:
    """Facts of a kind that between them show everything it can tell."""
    hints = typing.get_type_hints(kind)
    fields: list[Any] = list(dataclasses.fields(kind))
    values = {field.name: _made_up(hints[field.name], field.name) for field in fields}
    first = {name: options[0] for name, options in values.items()}
    return [
        kind(**first | {name: option}) for name, options in values.items() for option in options
    ] or [kind()]


def type_of(value: Any) -> str:
    """What JSON calls it."""
    names = {
        "str": "string", "bool": "boolean", "int": "integer", "float": "number", "dict": "object",
        "NoneType": "null",
    }  # fmt: skip
    return names.get(type(value).__name__, "array")


def doc_of(kind: type) -> str:
    """A dataclass's own words."""
    # Dataclasses without words of their own have their signature there.
    text = (kind.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    return "" if text.startswith(f"{kind.__name__}(") else " ".join(text.split())


class Watched(Fields):
    """Fields that are all there, and remember who asked for them."""

    def __init__(self, event: Json) -> None:
        super().__init__(event, None)
        self.read: dict[str, str] = {}

    def _note(self, name: str, kind: str) -> None:
        self.read[name] = kind

    def text(self, name: str, most: int = 0) -> str:
        self._note(name, "string")
        return "AAA=" if name == "audio" else ""

    def maybe_text(self, name: str) -> str | None:
        self._note(name, "string, optional")
        return None

    def maybe_id(self, name: str) -> str | None:
        self._note(name, "string, optional")
        return None

    def flag(self, name: str) -> bool:
        self._note(name, "boolean")
        return False

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


def table(head: Row, rows: list[Row]) -> list[str]:
    """Lines of Markdown."""
    return ["| " + " | ".join(row) + " |" for row in (head, ("---", "---", "---"), *rows)]
