"""An event loop in virtual time: where nothing is ready, the clock jumps to what comes next."""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol

from ..errors import TalkoverError

Ready = list[tuple[selectors.SelectorKey, int]]


class World(Protocol):
    """What happens beside the timers; times are nanoseconds."""

    def advance(self, until: int) -> int: ...
    def deliver(self, schedule: Callable[..., Any]) -> bool: ...


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0. Sleeping takes no time, computing takes none of its own.

    Threads are waited for while the clock stands still. The network and other processes are not:
    they are refused, because a clock that jumps would time them all out.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._ns = 0
        self.threads = Threads(self)
        super().__init__(_Selector(self))

    @property
    def ns(self) -> int:
        return self._ns

    def time(self) -> float:
        return self._ns / 1e9

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        return asyncio.wrap_future(self.threads.submit(func, *args), loop=self)

    async def create_connection(self, *_: Any, **__: Any) -> Any:
        raise _outside("the network")

    async def subprocess_exec(self, *_: Any, **__: Any) -> Any:
        raise _outside("a process")

    def select(self, wait: Callable[[float | None], Ready], timeout: float | None) -> Ready:
        """asyncio's one wait: `timeout` 0 where something is ready, None where no timer runs."""
        if self.threads.busy:
            return wait(timeout if timeout == 0 else None)
        if self._world.deliver(self.call_soon) or timeout == 0:
            return []
        if self.threads.start():
            return wait(None)
        if timeout is None:
            raise TalkoverError("Nothing can happen any more, and the conversation is not over.")
        self._ns = self._world.advance(self._ns + max(1, round(timeout * 1e9)))
        self._world.deliver(self.call_soon)
        return []


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Ready:
        return self._loop.select(super().select, timeout)


class Threads:
    """Functions in threads: one at a time, and only when the loop has nothing else to do.

    So the order of things never depends on how fast a thread is.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self.busy = False

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        outcome: Future[Any] = Future()
        self._waiting.append((outcome, lambda: function(*args)))
        return outcome

    def start(self) -> bool:
        """Begin the next one; `busy` until its outcome has reached the loop."""
        while self._waiting:
            outcome, work = self._waiting.popleft()
            if outcome.set_running_or_notify_cancel():
                self.busy = True
                threading.Thread(target=self._run, args=(outcome, work), daemon=True).start()
                return True
        return False

    def _run(self, outcome: Future[Any], work: Callable[[], Any]) -> None:
        try:
            result = work()
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)
        # The outcome may have been the last thing that the loop was for.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._over)

    def _over(self) -> None:
        self.busy = False


def _outside(what: str) -> TalkoverError:
    return TalkoverError(
        f"A test in virtual time cannot wait for {what}; give the agent scripted engines, and "
        "replace what its tools reach outside."
    )
