"""How a serving process is told to stop: at once, or once its calls have gone elsewhere."""

from __future__ import annotations

import asyncio
import signal

from ..protocol.facts import How


class Leaving:
    """Takes SIGINT and SIGTERM from now on, for the task that makes it.

    SIGTERM sets `asked` where calls have time to move, and the next signal ends the wait for them;
    SIGINT ends everything. The task is cancelled then, and a further signal ends the process.
    `how` is what becomes of the calls that are left: after SIGTERM another process has them.
    """

    def __init__(self, drain_seconds: int) -> None:
        self._drains = drain_seconds > 0
        self.asked = asyncio.Event()
        self.how: How = "asked"
        self._loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._task = task
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._take, number)

    def _take(self, number: int) -> None:
        if number == signal.SIGTERM:
            self.how = "moved"
            if self._drains and not self.asked.is_set():
                self.asked.set()
                return
        for each in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(each)
        self._task.cancel()
