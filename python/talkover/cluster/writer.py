"""The writes of one session to a log that is elsewhere: in order, each until it is done."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice, takewhile
from typing import Any, Protocol

import structlog

from .base import Fenced, LogUnavailable, Record
from .spool import Spool, Write

log = structlog.get_logger("talkover.log")

AGAIN_S = 0.25
SPOOL_S = 0.02
"""What was not taken after this goes to the disk, which is done before anybody is told of it."""
MOST_AT_ONCE = 64
MOST_BYTES = 512 * 1024
"""Of one message; NATS takes a megabyte, if nobody has changed that."""


class Unwritable(LogUnavailable):
    """It never will be written."""


class Elsewhere(Protocol):
    """Where it is written. Fenced; LogUnavailable where it does not answer; Unwritable."""

    async def publish(self, id: str, body: Any, last: int, message: str) -> int:
        """Write a message, whose name is the same each time it is tried, after the one at place
        `last`; its own place."""
        ...

    async def begun(self, id: str, term: int) -> None:
        """Something is written of this session."""
        ...

    async def settle(self, id: str, term: int, write: Write) -> None:
        """Open a session or close it; the same as once where it is done again."""
        ...


class Writer:
    """Of one session, with one task while there is anything to write. `last` is the place of the
    last message that is known. Only on the loop's thread."""

    def __init__(self, owner: Elsewhere, spool: Spool, id: str, term: int, last: int) -> None:
        self.term = term
        self._owner, self._spool, self._id, self._last = owner, spool, id, last
        self._waiting: deque[_Job] = deque()
        self._task: asyncio.Task[None] | None = None
        self._fenced: Fenced | None = None

    def append(self, record: Record) -> asyncio.Future[None]:
        if self._spool.full:
            return failed(LogUnavailable("The session log has fallen behind."))
        return self.do(("record", record))

    def do(self, write: Write) -> asyncio.Future[None]:
        if self._fenced is not None:
            return failed(self._fenced)
        job = _Job(write)
        self._waiting.append(job)
        if self._spool.away:
            self._keep(job)
        else:
            asyncio.get_running_loop().call_later(SPOOL_S, self._keep, job)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"session log {self._id}")
        return job.written

    async def idle(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    def stop(self) -> None:
        """What waits is left to the spool."""
        for job in self._waiting:
            self._keep(job)
        if self._task is not None:
            self._task.cancel()

    def drop(self) -> None:
        """The session was deleted, and what waits with it."""
        if self._task is not None:
            self._task.cancel()
        self._fence(Fenced("This session was deleted."))

    def _fence(self, error: Fenced) -> None:
        """Nothing of it will be written, and nothing more."""
        self._fenced = error
        while self._waiting:
            self._over(error)

    async def _run(self) -> None:
        while self._waiting:
            try:
                await self._next()
                self._tell(None)
            except Fenced as error:
                self._fence(error)
            except LogUnavailable as error:
                self._tell(error)
                await asyncio.sleep(AGAIN_S)

    def _tell(self, trouble: LogUnavailable | None) -> None:
        """Once for all sessions."""
        away = trouble is not None
        if away != self._spool.away:
            self._spool.away = away
            if trouble is not None:
                log.warning("the session log is away; writes wait", error=trouble.message)
            else:
                log.info("the session log is back", waiting=self._spool.records)

    async def _next(self) -> None:
        job = self._waiting[0]
        if job.write[0] != "record":
            await self._owner.settle(self._id, self.term, job.write)
            self._over()
            return
        # What is sent again is the same message, or the server could not tell.
        batch = self._records()
        batch = batch[: job.sent or len(batch)]
        job.sent = len(batch)
        try:
            self._last = await self._owner.publish(
                self._id, {"records": batch}, self._last, name(self._id, self.term, batch)
            )
            await self._owner.begun(self._id, self.term)
        except Unwritable as error:
            for _ in batch:
                self._over(error)
            return
        for _ in batch:
            self._over()

    def _records(self) -> list[Record]:
        """Those that wait first, as many as go together."""
        first = islice(self._waiting, MOST_AT_ONCE)
        return together(
            [job.write[1] for job in takewhile(lambda j: j.write[0] == "record", first)]
        )

    def _keep(self, job: _Job) -> None:
        if job.kept is None and not job.over:
            job.kept = self._spool.keep(self._id, self.term, job.write)

    def _over(self, error: Exception | None = None) -> None:
        """The first that waits is written, or never will be."""
        job = self._waiting.popleft()
        job.over = True
        if job.kept is not None:
            self._spool.taken(job.kept)
        if job.written.done():
            return
        if error is None:
            job.written.set_result(None)
        else:
            job.written.set_exception(error)
            # Who does not ask is not told.
            job.written.exception()


def together(records: list[Record]) -> list[Record]:
    """The first of them, as many as one message takes, and one at least."""
    size = 0
    for n, record in enumerate(records[:MOST_AT_ONCE]):
        size += len(record.text.encode())
        if n and size > MOST_BYTES:
            return records[:n]
    return records[:MOST_AT_ONCE]


def name(id: str, term: int, batch: list[Record]) -> str:
    """Of a message that has these records and no others."""
    return f"{id}.{term}.{batch[0].seq}-{batch[-1].seq}"


class _Job:
    """`sent`: how many records were sent together, this one first; 0 before that. `kept`: its
    number in the spool. `over`: it waits no more."""

    def __init__(self, write: Write) -> None:
        self.write, self.sent = write, 0
        self.kept: int | None = None
        self.over = False
        self.written: asyncio.Future[None] = asyncio.get_running_loop().create_future()


def failed(error: Exception) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    future.exception()
    return future
