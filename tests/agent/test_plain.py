"""Agents' plain functions: one that hangs is its own session's trouble."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

import pytest

from talkover.errors import AgentError
from talkover.plain import PlainThreads
from talkover.tool import Tool

ROOT = Path(__file__).resolve().parents[2]
HANG = """
import asyncio, threading
from talkover.tool import Tool

def hang() -> str:
    threading.Event().wait()

async def main():
    try:
        await Tool.of(hang, injected=(), timeout=0.01).run({}, {}, "key")
    except TimeoutError:
        print("given up")

asyncio.run(main())
"""
USER: ContextVar[str] = ContextVar("USER")


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


async def test_fifty_that_hang_keep_no_other_from_running(released: threading.Event):
    def hang() -> None:
        released.wait()

    def quick() -> str:
        return "done"

    hanging = Tool.of(hang, injected=(), timeout=60)
    tasks = [asyncio.create_task(hanging.run({}, {}, "key")) for _ in range(50)]
    assert await Tool.of(quick, injected=(), timeout=20).run({}, {}, "key") == "done"
    assert not any(task.done() for task in tasks)
    released.set()
    await asyncio.gather(*tasks)


def test_more_than_there_are_threads_for_is_refused_and_a_free_thread_is_used_again(
    released: threading.Event,
):
    threads = PlainThreads(most=1)
    hanging = threads.submit(released.wait)
    with pytest.raises(AgentError, match="none ends"):
        threads.submit(int)
    released.set()
    hanging.result(20)
    names = {threads.submit(lambda: threading.current_thread().name).result(20) for _ in range(5)}
    assert len(names) == 1


def test_what_a_function_raises_reaches_who_called_it():
    with pytest.raises(ZeroDivisionError):
        PlainThreads().submit(lambda: 1 / 0).result(20)


async def test_a_plain_tool_sees_its_callers_context():
    def user() -> str:
        return USER.get()

    USER.set("ann")
    assert await Tool.of(user, injected=()).run({}, {}, "key") == "ann"


def test_a_function_that_hangs_does_not_hold_up_the_end_of_the_process():
    run = subprocess.run(
        [sys.executable, "-c", HANG],
        env=os.environ | {"PYTHONPATH": str(ROOT / "python")}, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert run.returncode == 0 and run.stdout == "given up\n", run.stderr
