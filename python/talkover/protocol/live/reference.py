"""The Live dialect's part of docs/events.md; see `protocol.reference`."""

from __future__ import annotations

from typing import Any, get_args

from .. import facts as f
from ..config import SessionConfig
from ..encoding import EXTENSIONS
from ..errors import BadEvent
from ..walk import Row, Watched, doc_of, samples, table, type_of
from .codec import LiveCodec
from .decoding import DECODERS
from .settings import Permissions

Json = dict[str, Any]


def server_events() -> dict[str, dict[str, set[str]]]:
    """Event → its fields with their types."""
    found: dict[str, dict[str, set[str]]] = {}
    shown = SessionConfig().effective("sess_1", 0)
    for kind in get_args(f.Fact):
        limited = Permissions(client=frozenset())
        codec = LiveCodec(
            shown, began=0.0, sound=True, media=False, extensions=True, permissions=limited
        )
        for fact in samples(kind):
            for event in codec.encode(fact):
                if event["type"] in EXTENSIONS.values():
                    continue
                fields = found.setdefault(event.pop("type"), {})
                for name, value in event.items():
                    fields.setdefault(name, set()).add(type_of(value))
    return dict(sorted(found.items()))


def client_events() -> dict[str, tuple[dict[str, str], str]]:
    """Event → its fields, and what it asks for, or why it is refused."""
    found: dict[str, tuple[dict[str, str], str]] = {}
    for name, decoder in sorted(DECODERS.items()):
        watched = Watched({})
        try:
            doc = doc_of(type(decoder(watched, {})))
        except BadEvent as refusal:
            doc = f"Refused: {refusal.message}"
        found[name] = (watched.read | {"event_id": "string, optional"}, doc)
    fields, _ = found["session.start"]
    doc = "Begins a session over a WebSocket; refused once there is one."
    found["session.start"] = ({"session": "object"} | fields, doc)
    return found


def sections() -> list[str]:
    """Lines of Markdown."""
    asked: list[Row] = [
        (f"`{name}`", ", ".join(f"`{field}` {kind}" for field, kind in fields.items()), doc)
        for name, (fields, doc) in client_events().items()
    ]
    told: list[Row] = [
        (
            f"`{name}`",
            ", ".join(
                f"`{field}` {' or '.join(sorted(kinds))}"
                for field, kinds in fields.items()
                if field not in ("event_id", "client_event_id")
            ),
            "",
        )
        for name, fields in server_events().items()
    ]
    return [
        "## The Live dialect, from clients",
        "",
        "At `/v1/live/sessions`; what it does with them is in [live.md](live.md).",
        "",
        *table(("event", "fields", ""), asked),
        "",
        "## The Live dialect, from the server",
        "",
        "Each has an `event_id`, but for `session.output_audio.delta`; one that answers a client's "
        "event has that one's id as `client_event_id`. With `?extensions=talkover` those of "
        "Realtime come too, and `talkover.item`: what was said before, for who comes back.",
        "",
        *table(("event", "fields", ""), told),
        "",
    ]
