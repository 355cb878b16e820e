"""What whoever runs the server asks of a live session, in the words of the protocol."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..protocol import facts as f
from ..protocol.commands import Command
from ..protocol.errors import BadEvent
from ..protocol.ids import fresh
from .session import Session
from .stream import Entry


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
