"""Facts as the log keeps them: those that a session is made of, without its sound."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from typing import Any, cast

from pydantic import TypeAdapter

from . import facts as f
from .text import to_text

Json = dict[str, Any]

KEPT: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        f.SessionCreated, f.SessionUpdated, f.ItemDone, f.ItemTruncated, f.ItemDeleted,
        f.Transcribed, f.TranscriptionFailed, f.ReplyCreated, f.ReplyItemAdded, f.ReplyItemDone,
        f.ReplyDone, f.Heard, f.ToolStep, f.TurnTimings, f.Failed, f.HandedOff, f.Muted, f.Ended,
    )
}  # fmt: skip
"""Finished things and marks; what only leads up to one of them (a delta, a state) is not kept."""


def is_kept(fact: f.Fact) -> bool:
    return type(fact).__name__ in KEPT


def to_json(fact: f.Fact, **beside: Any) -> str:
    """One kept fact, and what is to be kept beside it."""
    return to_text({"fact": type(fact).__name__, **_bare(fact), **beside})


def from_json(text: str) -> tuple[f.Fact, Json]:
    """The fact, and what was kept beside it. ValueError for what is no kept fact."""
    body: Json = json.loads(text)
    kind = KEPT.get(body.pop("fact", ""))
    if kind is None:
        raise ValueError(f"The log has a record of no known kind: {text[:100]}")
    names = {field.name for field in dataclasses.fields(kind)}
    beside = {name: body.pop(name) for name in set(body) - names}
    return _adapter(kind).validate_python(body), beside


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _bare(value: Any) -> Any:
    """Dataclasses as JSON, but for defaults, and for sound, which is no part of a history."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = ((each, getattr(value, each.name)) for each in dataclasses.fields(value))
        return {
            each.name: _bare(own)
            for each, own in found
            if own != each.default and not isinstance(own, bytes)
        }
    if isinstance(value, (tuple, list)):
        return [_bare(one) for one in cast("tuple[Any, ...]", value)]
    return value
