"""The loop in virtual time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from talkover.errors import TalkoverError
from talkover.testing.loop import VirtualLoop


class Nothing:
    """A world in which nothing happens."""

    def advance(self, until: int) -> int:
        return until

    def deliver(self, schedule: Callable[..., Any]) -> bool:
        return False


def run(work: Any) -> Any:
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(Nothing())) as runner:
        return runner.run(work)


def test_an_hour_passes_at_once_and_to_the_second():
    async def sleep() -> float:
        await asyncio.gather(*(asyncio.sleep(seconds) for seconds in (3600, 0.1, 0.2)))
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run(sleep()) == 3600.0
    assert time.monotonic() - began < 5


def test_timers_go_off_in_their_order():
    async def order() -> list[float]:
        went: list[float] = []

        async def one(seconds: float) -> None:
            await asyncio.sleep(seconds)
            went.append(asyncio.get_running_loop().time())

        await asyncio.gather(*(one(seconds) for seconds in (0.3, 0.1, 0.2, 1 / 3)))
        return went

    assert run(order()) == pytest.approx([0.1, 0.2, 0.3, 1 / 3])


def test_a_thread_is_waited_for_while_the_clock_stands_still():
    async def work() -> tuple[float, list[str]]:
        loop = asyncio.get_running_loop()
        order: list[str] = []
        slow = asyncio.to_thread(lambda: (time.sleep(0.1), order.append("first")))
        quick = asyncio.to_thread(lambda: order.append("second"))
        await asyncio.gather(slow, quick, asyncio.sleep(0))
        return loop.time(), order

    assert run(work()) == (0.0, ["first", "second"])


def test_a_thread_may_ask_the_loop():
    async def work() -> str:
        loop = asyncio.get_running_loop()

        async def answer() -> str:
            return threading.current_thread().name

        def ask() -> str:
            return asyncio.run_coroutine_threadsafe(answer(), loop).result(5)

        return await asyncio.to_thread(ask)

    assert run(work()) == threading.current_thread().name


def test_what_a_thread_raises_reaches_whoever_awaits_it():
    async def work() -> None:
        await asyncio.to_thread(int, "no number")

    with pytest.raises(ValueError, match="no number"):
        run(work())


def test_the_network_and_processes_are_refused_with_advice():
    async def connect() -> None:
        await asyncio.open_connection("127.0.0.1", 1)

    async def start() -> None:
        await asyncio.create_subprocess_exec("true")

    for work in (connect, start):
        with pytest.raises(TalkoverError, match="virtual time cannot wait"):
            run(work())


def test_waiting_for_what_can_never_come_ends():
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TalkoverError, match="Nothing can happen"):
        run(wait())
