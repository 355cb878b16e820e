"""One worker process that all sessions share, and the bounded queue before it.

A few jobs at a time are in the worker; of those that wait, the one goes next whose result is
needed first. Whoever puts one job after the other (a session) thus waits for one job of each of the
others at most, and one that does not fetch its results has no job at all.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ...errors import EngineError
from ..worker import Worker

MOST = 64
"""Jobs that wait; a further one is refused."""
START_S = 60.0
"""To load a model of some hundred megabytes."""


@dataclass(slots=True, eq=False)
class Job:
    """`due`: the loop's time at which its result is needed."""

    payload: bytes
    due: float
    answer: asyncio.Future[bytes]
    stream: int | None = None
    late: asyncio.TimerHandle | None = field(default=None)


class Jobs:
    """Thread: the loop's.

    The worker answers b"S" with what it made, or b"E" with what was wrong; b"X" tells it that
    nobody wants a job any more, and it answers that, too. `beside`: so many it has at a time.
    `most_s`: a job that takes longer is stuck; the process is ended then, and another one started.
    """

    def __init__(
        self, name: str, module: str, *arguments: str, most_s: float, beside: int = 1
    ) -> None:
        self._name, self._most_s, self._beside = name, most_s, beside
        self._worker = Worker(module, *arguments, start_s=START_S)
        self._waiting: list[Job] = []
        self._running: list[Job] = []
        self._restarting: asyncio.Task[None] | None = None
        self._closed = False

    async def warm(self) -> None:
        """Start the process, and load its model. EngineError."""
        await self._worker.warm()

    async def close(self) -> None:
        self._closed = True
        if self._restarting is not None:
            self._restarting.cancel()
        await self._worker.close()
        for job in [*self._running, *self._waiting]:
            self._fail(job, self._gone())

    def put(self, payload: bytes, due: float) -> Job:
        """Await its `answer`, which may be EngineError; then, or before, `drop` it.

        EngineError: engine_busy where too many wait, engine_gone after `close`.
        """
        if self._closed:
            raise self._gone()
        if len(self._waiting) >= MOST:
            raise EngineError(
                f"{self._name} has {MOST} jobs waiting already; name another engine behind it, or "
                "take fewer calls (--most-calls).",
                code="engine_busy",
            )
        job = Job(payload, due, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._give()
        return job

    def drop(self, job: Job) -> None:
        """Nobody wants it: one that waits is gone, one that runs is told to stop."""
        if not job.answer.cancel() and not job.answer.cancelled():
            job.answer.exception()  # else asyncio logs one that nobody looked at
        if job in self._waiting:
            self._waiting.remove(job)
        elif job in self._running and job.stream is not None:
            self._worker.send(job.stream, b"X")

    def _gone(self) -> EngineError:
        return EngineError(f"{self._name} is closed.", code="engine_gone")

    def _give(self) -> None:
        if self._waiting and self._worker.process is None:
            # It died while nobody needed it, or was not started yet.
            self._restart()
        while self._waiting and len(self._running) < self._beside and self._restarting is None:
            job = min(self._waiting, key=lambda one: one.due)
            self._waiting.remove(job)
            self._running.append(job)
            job.late = asyncio.get_running_loop().call_later(self._most_s, self._stuck, job)
            self._begin(job)

    def _begin(self, job: Job) -> None:
        def heard(kind: bytes, payload: bytes) -> None:
            if kind == b"!":
                error = EngineError(f"{self._name}'s process ended.", code="engine_gone")
                self._over(job)
                self._fail(job, error)
                self._restart()
                return
            self._over(job)
            if not job.answer.done():
                if kind == b"S":
                    job.answer.set_result(payload)
                else:
                    self._fail(job, EngineError(f"{self._name}: {payload.decode()}"))
            self._give()

        job.stream = self._worker.open(heard)
        self._worker.send(job.stream, b"J", job.payload)

    def _over(self, job: Job) -> None:
        if job.late is not None:
            job.late.cancel()
        if job.stream is not None:
            self._worker.forget(job.stream)
        if job in self._running:
            self._running.remove(job)

    def _fail(self, job: Job, error: EngineError) -> None:
        if not job.answer.done():
            job.answer.set_exception(error)

    def _stuck(self, job: Job) -> None:
        """It alone fails; those that wait go on in the next process."""
        error = f"{self._name} was stuck for {self._most_s:g} s; its process is started again."
        self._fail(job, EngineError(error, code="engine_stalled"))
        self._worker.kill()

    def _restart(self) -> None:
        if self._restarting is None and not self._closed:
            self._restarting = asyncio.create_task(self._again(), name=f"{self._name}, again")

    async def _again(self) -> None:
        try:
            await self._worker.warm()
        except (EngineError, OSError) as error:
            for job in self._waiting:
                self._fail(job, EngineError(str(error), code="engine_gone"))
            self._waiting.clear()
        finally:
            self._restarting = None
        self._give()
