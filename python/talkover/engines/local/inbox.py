"""The jobs that a worker process was given (`jobs.py` is the other end): read on a thread of its
own, so that one that nobody wants any more is known while others run."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from .. import frames


class Inbox:
    """`stop`: called on the reader's thread when a job that runs is not wanted any more."""

    def __init__(self, stop: Callable[[], None] = lambda: None) -> None:
        self._stop = stop
        self._jobs: queue.Queue[tuple[int, bytes] | None] = queue.Queue()
        self._lock = threading.Lock()
        self._wanted: set[int] = set()
        self._running: set[int] = set()

    def start(self) -> None:
        """Say that the worker is ready, and read from now on."""
        threading.Thread(target=self._read, daemon=True).start()
        frames.write(0, b"R")

    def take(self, most: int) -> list[tuple[int, bytes]] | None:
        """(number, payload) of what waits and is wanted, once there is any; None at the end."""
        while True:
            found = [self._jobs.get()]
            while len(found) < most and not self._jobs.empty():
                found.append(self._jobs.get())
            if None in found:
                return None
            jobs = [job for job in found if job is not None and self._begins(job[0])]
            if jobs:
                return jobs

    def is_wanted(self, stream: int) -> bool:
        return stream in self._wanted

    def answer(self, stream: int, kind: bytes, payload: bytes) -> None:
        """b"S" with what was made, or b"E" with what was wrong."""
        with self._lock:
            self._wanted.discard(stream)
            self._running.discard(stream)
        frames.write(stream, kind, payload)

    def _begins(self, stream: int) -> bool:
        with self._lock:
            if stream in self._wanted:
                self._running.add(stream)
                return True
        frames.write(stream, b"E", b"nobody wants it")
        return False

    def _read(self) -> None:
        for stream, kind, payload in frames.read():
            with self._lock:
                if kind == b"J":
                    self._wanted.add(stream)
                    self._jobs.put((stream, payload))
                elif stream in self._wanted:
                    self._wanted.discard(stream)
                    if stream in self._running:
                        self._stop()
        self._jobs.put(None)
