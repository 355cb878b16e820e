"""The writes of one session to a log that is elsewhere: in order, each until it is done."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog

from .base import Fenced, LogUnavailable, Record

log = structlog.get_logger("talkover.log")

AGAIN_S = 0.25
MOST_WAITING = 10_000
"""Writes of one session that wait for the log; with more, the newest are refused."""
MOST_AT_ONCE = 64


class Away(Exception):
    """The log does not answer; the same is to be tried again."""


class Elsewhere(Protocol):
    """Where it is written. Away, Fenced; LogUnavailable for what can never be written."""

    async def publish(self, id: str, body: Any, last: int, message: str) -> int:
        """Write a message, whose name is the same each time it is tried, after the one at place
        `last`; its own place."""
        ...

    async def begun(self, id: str, term: int) -> None:
        """Something is written of this session."""
        ...


class Writer:
    """Of one session, with one task while there is anything to write. `last` is the place of the
    last message that is known. Only on the loop's thread."""

    def __init__(self, owner: Elsewhere, id: str, term: int, last: int) -> None:
        self.term = term
        self._owner, self._id, self._last = owner, id, last
        self._waiting: deque[_Append | _Do] = deque()
        self._task: asyncio.Task[None] | None = None
        self._fenced: Fenced | None = None

    def append(self, record: Record) -> asyncio.Future[None]:
        return self._put(_Append(record))

    def do(self, work: Callable[[], Awaitable[None]]) -> asyncio.Future[None]:
        return self._put(_Do(work))

    async def idle(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _put(self, job: _Append | _Do) -> asyncio.Future[None]:
        if self._fenced is not None:
            return failed(self._fenced)
        if len(self._waiting) >= MOST_WAITING:
            return failed(LogUnavailable("The session log has fallen behind."))
        self._waiting.append(job)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"session log {self._id}")
        return job.written

    async def _run(self) -> None:
        told = False
        while self._waiting:
            try:
                await self._next()
            except Fenced as error:
                self._fenced = error
                while self._waiting:
                    self._waiting.popleft().fail(error)
            except Away as error:
                if not told:
                    log.warning("the session log is away; writes wait", error=str(error))
                    told = True
                await asyncio.sleep(AGAIN_S)

    async def _next(self) -> None:
        job = self._waiting[0]
        if isinstance(job, _Do):
            await job.work()
            self._waiting.popleft().succeed()
            return
        jobs = [job]
        for other in list(self._waiting)[1:MOST_AT_ONCE]:
            if not isinstance(other, _Append):
                break
            jobs.append(other)
        # What is sent again is the same message, or the server could not tell.
        batch = [tuple(each.record) for each in jobs[: job.sent or len(jobs)]]
        job.sent = len(batch)
        message = f"{self._id}.{self.term}.{batch[0][0]}"
        try:
            body = {"records": batch}
            self._last = await self._owner.publish(self._id, body, self._last, message)
        except LogUnavailable as error:
            for _ in batch:
                self._waiting.popleft().fail(error)
            return
        await self._owner.begun(self._id, self.term)
        for _ in batch:
            self._waiting.popleft().succeed()


class _Job:
    def __init__(self) -> None:
        self.written: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def succeed(self) -> None:
        if not self.written.done():
            self.written.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.written.done():
            self.written.set_exception(error)
            # Who does not ask is not told.
            self.written.exception()


class _Append(_Job):
    """`sent`: how many were sent together, this one first; 0 before that."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        self.record, self.sent = record, 0


class _Do(_Job):
    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.work = work


def failed(error: Exception) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    future.exception()
    return future
