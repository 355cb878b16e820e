"""An event as the JSON text that goes over the wire."""

from __future__ import annotations

import json
from typing import Any

import pydantic_core


def to_text(event: dict[str, Any]) -> str:
    """Compact, and in a quarter of the standard library's time."""
    try:
        return pydantic_core.to_json(event).decode()
    except pydantic_core.PydanticSerializationError:
        # Half a surrogate pair, which JSON can escape and UTF-8 cannot hold.
        return json.dumps(event)


def snapshot(value: Any) -> Any:
    """The value as JSON has it, and a copy: what becomes of the original is not told.

    Dataclasses, pydantic models, dates and sets are taken as well. ValueError for the rest.
    """
    return pydantic_core.to_jsonable_python(value)
