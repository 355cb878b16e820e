"""What whoever runs the server asks of a live session, in the words of the protocol."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from ..protocol import facts as f
from ..protocol.commands import Command
from ..protocol.errors import BadEvent
from ..protocol.ids import fresh
from .session import Session
from .stream import Entry

MOST_EVENTS = 64
WANTED = f"events must be a list of 1 to {MOST_EVENTS} client events of the protocol."


def events_in(body: Any) -> list[dict[str, Any]] | None:
    """The `events` of a JSON object; None where they are not what is `WANTED`."""
    events: Any = cast("dict[str, Any]", body).get("events") if isinstance(body, dict) else None
    if isinstance(events, list) and 1 <= len(found := cast("list[Any]", events)) <= MOST_EVENTS:
        if all(isinstance(event, dict) for event in found):
            return found
    return None


async def steer(
    session: Session, events: list[dict[str, Any]], decode: Callable[[str], Command]
) -> list[f.Failed]:
    """Do client events in their order; what was wrong with which, by its `event_id`.

    One that has no id gets one here. Those after a bad one are done all the same.
    """
    ids = [event.setdefault("event_id", fresh("event")) for event in events]
    failed: list[f.Failed] = []

    def look(entry: Entry) -> None:
        fact = entry[2]
        if isinstance(fact, f.Failed) and fact.event_id in ids:
            failed.append(fact)

    session.stream.attach(look)
    try:
        for event in events:
            try:
                session.submit(decode(json.dumps(event)))
            except BadEvent as error:
                session.refuse(error)
        await session.stream.told()
    finally:
        session.stream.detach(look)
    return failed
