"""How a serving process is told to stop: at once, or once its calls have gone elsewhere."""

from __future__ import annotations

import asyncio
import signal

from ..protocol.facts import How


class Leaving:
    """Takes SIGINT and SIGTERM from now on, for the task that makes it.

    Where calls have time to move and somebody waits for `asked`, SIGTERM ends that wait; the next
    signal, and any other, cancels the task, and a further one ends the process. `how` is what
    becomes of the calls that are left: after SIGTERM another process has them.
    """

    def __init__(self, drain_seconds: int) -> None:
        self.how: How = "asked"
        self._drains, self._waiting, self._asked = drain_seconds > 0, False, asyncio.Event()
        self._loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._task = task
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._take, number)

    async def asked(self) -> None:
        """Until the process is to stop, and has time for that."""
        self._waiting = self._drains
        await self._asked.wait()
        self._waiting = False

    def _take(self, number: int) -> None:
        if number == signal.SIGTERM:
            self.how = "moved"
            if self._waiting and not self._asked.is_set():
                self._asked.set()
                return
        for each in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(each)
        self._task.cancel()
