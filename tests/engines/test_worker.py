"""One worker process: closed at any moment, and one stream that fails for itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from engines.children import children

from talkover.engines.local.jobs import Jobs
from talkover.engines.worker import Worker
from talkover.errors import EngineError

TESTS = Path(__file__).resolve().parents[1]
PATIENCE_S = 60
MODULE = "engines.echo_worker"
STEPS = range(9)
"""Of the loop, after which a start is interrupted: before there is a process, while there is one
that nobody knows of yet, and while it is waited for."""


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", f"{TESTS.parent / 'python'}:{TESTS}")


@pytest.fixture
async def dead() -> AsyncIterator[tuple[Worker, int]]:
    """One whose process has ended, and a stream."""
    worker = Worker(MODULE)
    await worker.warm()
    gone = asyncio.Event()
    stream = worker.open(lambda kind, _: gone.set() if kind == b"!" else None)
    worker.send(stream, b"D")
    await asyncio.wait_for(gone.wait(), PATIENCE_S)
    yield worker, stream
    await worker.close()


@pytest.mark.parametrize("steps", STEPS)
async def test_closed_while_others_start_it_again_it_leaves_nothing_behind(
    dead: tuple[Worker, int], steps: int
):
    """A stream has it restarted, and a second one waits for the same process."""
    worker, stream = dead
    waiting = asyncio.create_task(worker.warm())
    worker.send(stream, b"A")
    for _ in range(steps):
        await asyncio.sleep(0)
    await asyncio.wait_for(worker.close(), PATIENCE_S)
    assert children(MODULE.encode()) == []
    with pytest.raises(EngineError, match="closed"):
        await asyncio.wait_for(waiting, PATIENCE_S)


async def test_once_closed_it_is_not_started_again():
    worker = Worker(MODULE)
    await worker.close()
    with pytest.raises(EngineError, match="closed"):
        await worker.warm()
    assert children(MODULE.encode()) == []


async def test_who_waits_for_an_answer_hears_that_it_is_closed():
    worker = Worker(MODULE)
    await worker.warm()
    heard: list[bytes] = []
    stream = worker.open(lambda kind, _: heard.append(kind))
    worker.send(stream, b"F")
    await worker.close()
    assert heard == [b"!"]


async def test_a_stream_that_fails_at_what_it_hears_fails_alone():
    worker = Worker(MODULE)
    await worker.warm()
    try:
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        failing = worker.open(lambda kind, _: [][0])
        other = worker.open(lambda kind, _: heard.put_nowait(kind))
        worker.send(failing, b"A")
        worker.send(other, b"A")
        assert await asyncio.wait_for(heard.get(), PATIENCE_S) == b"A"
    finally:
        await worker.close()


async def test_a_closed_queue_takes_no_job():
    jobs = Jobs("echo", MODULE, most_s=PATIENCE_S)
    await jobs.warm()
    await jobs.close()
    with pytest.raises(EngineError, match="echo is closed"):
        jobs.put(b"", 0.0)
