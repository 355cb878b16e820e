"""Threads for agents' plain functions, which may wait for whatever they like."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

from .errors import AgentError

P = ParamSpec("P")
T = TypeVar("T")

MOST = 256


class PlainThreads(Executor):
    """They end with the process, whatever they wait for: no function that hangs holds up its end.

    Nothing queues. AgentError where all are busy, so that a session whose functions hang is told,
    and no other waits for it.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._busy = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        with self._lock:
            if self._busy >= self._most:
                raise AgentError(
                    f"{self._most} of the agents' plain functions are running, and none ends; give "
                    "what they wait for a time-out, or make them async."
                )
            self._busy += 1
            if self._busy > self._threads:
                self._threads += 1
                threading.Thread(
                    target=self._run, name=f"plain-{self._threads}", daemon=True
                ).start()
        outcome: Future[T] = Future()
        self._work.put((outcome, lambda: fn(*args, **kwargs)))
        return outcome

    def _run(self) -> None:
        while True:
            outcome, work = self._work.get()
            result, error = None, None
            if outcome.set_running_or_notify_cancel():
                try:
                    result = work()
                except BaseException as raised:
                    error = raised
            with self._lock:
                self._busy -= 1
            if outcome.cancelled():
                continue
            if error is None:
                outcome.set_result(result)
            else:
                outcome.set_exception(error)


THREADS = PlainThreads()
