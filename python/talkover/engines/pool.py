"""Several worker processes for one engine, so that many streams are worked on at once."""

from __future__ import annotations

import asyncio
import os

import structlog

from ..errors import EngineError
from .worker import Handler, Worker

log = structlog.get_logger("talkover.pool")

MOST = 8
MOST_WAITING = 1024 * 1024
"""Bytes that a process has not taken yet; one so far behind is given no more."""


def cores() -> int:
    """How many processes are worth having: one core is the event loop's and the media threads'."""
    return max(1, min(MOST, len(os.sched_getaffinity(0)) - 1))


class Pool:
    """To whoever uses it, a `Worker`. Only on the loop's thread.

    There is a process for every two open streams, `most` at most. A piece of work, from the first
    thing that a stream sends up to what it sends as `over`, or its being forgotten, is done by one
    process, the one with the fewest then. Where that is gone, or too far behind, the stream hears
    b"!" for all that it sends.
    """

    def __init__(self, module: str, *arguments: str, most: int | None = None) -> None:
        self._module, self._arguments = module, arguments
        self._most = most or cores()
        self._workers = [Worker(module, *arguments)]
        self._handlers: dict[int, Handler] = {}
        self._seats: dict[int, tuple[Worker, int]] = {}
        """Of streams at work: the process, and the stream's number there."""
        self._next = 0
        self._starting: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """Work can be done."""
        return any(worker.running for worker in self._workers)

    async def warm(self) -> None:
        """Start the first process, and wait for those that are being started. EngineError."""
        await self._workers[0].warm()
        if self._starting is not None:
            await asyncio.shield(self._starting)

    def open(self, handler: Handler) -> int:
        """A stream's number; `handler` gets what the workers say to it."""
        self._next += 1
        self._handlers[self._next] = handler
        self._grow()
        return self._next

    def send(self, stream: int, kind: bytes, payload: bytes = b"", *, over: bool = False) -> None:
        """To the stream's process; with `over` the piece of work ends, if there is one."""
        if stream not in self._seats:
            if over or stream not in self._handlers:
                return
            worker = self._least_busy()
            self._seats[stream] = worker, worker.open(self._handlers[stream])
        worker, number = self._seats[stream]
        if not over and _is_behind(worker):
            self._handlers[stream](b"!", b"")
            return
        if over:
            # Before: that its process is gone is no news for it any more.
            self._leave(stream)
        worker.send(number, kind, payload)

    def forget(self, stream: int) -> None:
        """It hears nothing more, and its work counts as done."""
        self._handlers.pop(stream, None)
        self._leave(stream)

    async def close(self) -> None:
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait((self._starting,))
        await asyncio.gather(*(worker.close() for worker in self._workers))

    def _leave(self, stream: int) -> None:
        seat = self._seats.pop(stream, None)
        if seat is not None:
            worker, number = seat
            worker.forget(number)

    def _least_busy(self) -> Worker:
        """Of those that run; where none does, the first, which then starts again."""
        running = [worker for worker in self._workers if worker.running] or self._workers[:1]
        at_work = [worker for worker, _ in self._seats.values()]
        return min(running, key=lambda it: (_is_behind(it), at_work.count(it), it.waiting))

    def _grow(self) -> None:
        if self._closed:
            # Calls are still being let go then.
            return
        wanted = min(self._most, 1 + len(self._handlers) // 2)
        while len(self._workers) < wanted:
            self._workers.append(Worker(self._module, *self._arguments))
        starting = self._starting is not None and not self._starting.done()
        if not starting and not all(worker.running for worker in self._workers):
            self._starting = asyncio.create_task(self._start())

    async def _start(self) -> None:
        """One after the other, those that are added meanwhile too: loading takes a core each."""
        for worker in self._workers:
            try:
                await worker.warm()
            except EngineError as error:
                log.error("a further worker could not be started", error=error.message)


def _is_behind(worker: Worker) -> bool:
    return worker.waiting > MOST_WAITING
