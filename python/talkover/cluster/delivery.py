"""Writes what processes of this machine that are gone have left in their spools."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import structlog

from ..errors import NotFound
from .base import Fenced, LogUnavailable, Record
from .nats_link import sure
from .spool import Left
from .writer import Unwritable, name, together

if TYPE_CHECKING:
    from .nats import NatsLog

log = structlog.get_logger("talkover.spool")


async def deliver(store: NatsLog) -> None:
    """All of it, or it waits for the next time where NATS does not answer."""
    for found in await store.spool.abandoned():
        try:
            for left in found.left:
                await sure(_deliver(store, left))
        except LogUnavailable as error:
            log.warning("what another process left waits", error=error.message)
            found.close()
        else:
            found.done()


async def _deliver(store: NatsLog, left: Left) -> None:
    told = {"session": left.session, "term": left.term, "writes": len(left.writes)}
    try:
        records = [Record(*what) for kind, what in left.writes if kind == "record"]
        for write in left.writes:
            if write[0] == "open":
                await store.settle(left.session, left.term, write)
        await _catch_up(store, left.session, left.term, records)
        for write in left.writes:
            if write[0] == "close":
                await store.settle(left.session, left.term, write)
    except (Fenced, NotFound) as error:
        log.warning("what another process left is dropped", why=error.message, **told)
    except (Unwritable, TypeError, ValueError) as error:
        log.error("what another process left cannot be written", why=str(error), **told)
    else:
        log.info("what another process left is written", **told)


async def _catch_up(store: NatsLog, id: str, term: int, records: list[Record]) -> None:
    """Write what the log has not of these, as who had the session at that term. Fenced."""
    while records:
        known, last, highest = await store.records(id)
        if highest > term:
            raise Fenced("The session went on elsewhere.")
        await store.check(id, term)
        numbers = {record.seq for record in known}
        batch = together([record for record in records if record.seq not in numbers])
        if not batch:
            return await store.begun(id, term)
        # Where something of it came in between, it is read again.
        with contextlib.suppress(Fenced):
            await store.publish(id, {"records": batch}, last, name(id, term, batch))
