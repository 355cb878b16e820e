"""Work spread over processes: who hangs, falls behind or dies, and whom that concerns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from talkover.engines.demo.ear import EarStream
from talkover.engines.pool import MOST_WAITING, Pool
from talkover.errors import EngineError

PATIENCE_S = 20
TESTS = Path(__file__).resolve().parents[1]


class Stream:
    """One that keeps what it hears."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._heard: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()
        self._number = pool.open(lambda *heard: self._heard.put_nowait(heard))

    def send(self, kind: bytes, payload: bytes = b"", *, over: bool = False) -> None:
        self._pool.send(self._number, kind, payload, over=over)

    def forget(self) -> None:
        self._pool.forget(self._number)

    async def heard(self) -> tuple[bytes, bytes]:
        return await asyncio.wait_for(self._heard.get(), PATIENCE_S)

    async def process(self) -> bytes:
        """What says which process works for it."""
        self.send(b"A")
        return (await self.heard())[1]


@pytest.fixture
async def pool(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pool]:
    monkeypatch.setenv("PYTHONPATH", f"{TESTS.parent / 'python'}:{TESTS}")
    made = Pool("engines.echo_worker", most=2)
    await made.warm()
    yield made
    await made.close()


async def streams(pool: Pool, count: int) -> list[Stream]:
    opened = [Stream(pool) for _ in range(count)]
    if pool.running:
        await pool.warm()
    return opened


async def test_streams_at_work_are_spread_over_processes_and_stay_there(pool: Pool):
    one, two, three = await streams(pool, 3)
    first, second = await one.process(), await two.process()
    assert first != second
    assert await three.process() in (first, second)
    assert (await one.process(), await two.process()) == (first, second)


async def test_there_are_no_more_processes_than_streams_or_cores_are_worth(pool: Pool):
    (one,) = await streams(pool, 1)
    assert {await one.process()} == {await one.process()}
    more = await streams(pool, 9)
    assert len({await stream.process() for stream in more}) == 2


async def test_one_that_hangs_holds_up_nobody_else(pool: Pool):
    stuck, *others = await streams(pool, 5)
    stuck.send(b"H")
    for one in others:
        await one.process()
        one.send(b"Z", over=True)


async def test_the_next_piece_of_work_goes_where_least_is_done(pool: Pool):
    one, two, three = await streams(pool, 3)
    first = await one.process()
    assert await two.process() != first
    one.send(b"Z", over=True)
    assert await three.process() == first


async def test_who_is_far_behind_gets_no_more_and_the_stream_is_told(pool: Pool):
    stuck, one, _ = await streams(pool, 3)
    stuck.send(b"H")
    for _ in range(3):
        stuck.send(b"A", bytes(MOST_WAITING))
    assert await stuck.heard() == (b"!", b"")
    stuck.send(b"Z", over=True)
    assert await stuck.process() == await one.process(), "its next work is done by another"


async def test_a_process_that_dies_concerns_its_own_streams_only(pool: Pool):
    dying, one, _ = await streams(pool, 3)
    gone, other = await dying.process(), await one.process()
    dying.send(b"D")
    assert await dying.heard() == (b"!", b"")
    assert await one.process() == other
    dying.send(b"Z", over=True)
    again = await dying.process()
    assert again != gone


async def test_who_is_forgotten_takes_up_no_process(pool: Pool):
    one, two, three = await streams(pool, 3)
    first = await one.process()
    assert await two.process() != first
    one.forget()
    assert await three.process() == first


async def test_once_closed_no_further_process_is_started(pool: Pool):
    await pool.close()
    await streams(pool, 4)
    assert not pool.running


async def test_words_that_are_asked_for_are_not_awaited_beyond_their_utterance(pool: Pool):
    stream = EarStream(pool, lambda _: None)
    stream.feed(bytes(640))
    asked = asyncio.create_task(stream.finish())
    await asyncio.sleep(0)
    stream.reset()
    assert (await asyncio.wait_for(asked, PATIENCE_S)).text == ""


async def test_an_utterance_that_lost_a_part_fails_and_the_next_does_not(pool: Pool):
    await streams(pool, 3)
    stream = EarStream(pool, lambda _: None)
    pool.send(4, b"D")
    with pytest.raises(EngineError, match="say it again"):
        await asyncio.wait_for(stream.finish(), PATIENCE_S)
    with pytest.raises(EngineError):
        await stream.finish()
    stream.reset()
    asked = asyncio.create_task(stream.finish())
    await asyncio.sleep(0)
    stream.close()
    assert (await asyncio.wait_for(asked, PATIENCE_S)).final
