"""What a session says is written first and told then; but nobody waits long for a slow store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from talkover.cluster.base import Fenced, Kept, LogUnavailable, Opened, Record
from talkover.cluster.sqlite import SqliteLog
from talkover.protocol import facts as f
from talkover.protocol.items import Item, Part
from talkover.session.journal import Journal, Place
from talkover.session.past import past
from talkover.session.stream import FactStream

ITEM = f.ItemDone(Item("i", "message", "user", (Part("input_text", text="hi"),)), None)


class SlowLog:
    """Writes when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Record, asyncio.Future[None]]] = []

    def append(self, id: str, term: int, record: Record) -> asyncio.Future[None]:
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((record, written))
        return written

    def close(self, id: str, term: int, reason: str) -> asyncio.Future[None]:
        return self.append(id, term, Record(0, 0, reason))

    def open(self, *_: Any) -> asyncio.Future[None]:
        raise NotImplementedError

    def check(self, *_: Any) -> asyncio.Future[None]:
        raise NotImplementedError

    def claim(self, *_: Any) -> asyncio.Future[Kept]:
        raise NotImplementedError

    def orphans(self) -> asyncio.Future[list[str]]:
        raise NotImplementedError

    def opened(self, most: int = 1000) -> asyncio.Future[list[Opened]]:
        raise NotImplementedError

    def find(self, id: str) -> asyncio.Future[Opened]:
        raise NotImplementedError

    def read(self, id: str, after: int = 0) -> asyncio.Future[Kept]:
        raise NotImplementedError

    def forget(self, id: str) -> asyncio.Future[None]:
        raise NotImplementedError

    def untold(self, *_: Any) -> asyncio.Future[list[str]]:
        raise NotImplementedError

    def told(self, *_: Any) -> asyncio.Future[None]:
        raise NotImplementedError

    async def shut(self) -> None: ...


class Desk:
    """A session's stream with a journal, and what its legs were told."""

    def __init__(self, log: Any, state: dict[str, Any] | None = None) -> None:
        self.state = state if state is not None else {}
        self.told: list[int] = []
        self.lost = 0
        self.stream = FactStream()
        self.journal = Journal(
            Place(log, "s", 1), lambda: {"model": "x"}, lambda: self.state, self._lose
        )
        self.stream.journal = self.journal
        self.stream.attach(lambda entry: self.told.append(entry[0]))

    def _lose(self) -> None:
        self.lost += 1

    def emit(self, *facts: f.Fact) -> None:
        for fact in facts:
            self.stream.emit(fact, 0)


async def test_what_is_finished_is_told_once_it_is_written_and_all_in_order() -> None:
    log = SlowLog()
    desk = Desk(log)
    desk.emit(f.State("silent", "listening"), ITEM, f.State("silent", "thinking"), ITEM)
    assert desk.told == [1]
    log.waiting[1][1].set_result(None)
    await asyncio.sleep(0)
    assert desk.told == [1], "the first one is not written yet"
    log.waiting[0][1].set_result(None)
    await asyncio.sleep(0)
    assert desk.told == [1, 2, 3, 4]


async def test_nobody_waits_long_for_a_store_that_is_away() -> None:
    desk = Desk(SlowLog())
    desk.emit(ITEM, f.State("silent", "thinking"))
    assert desk.told == []
    await asyncio.wait_for(desk.stream.told(), 5)
    assert desk.told == [1, 2]


async def test_who_lost_the_session_learns_it_once_and_runs_no_tool() -> None:
    log = SlowLog()
    desk = Desk(log)
    desk.emit(ITEM, ITEM)
    for _, written in log.waiting:
        written.set_exception(Fenced("elsewhere"))
    with pytest.raises(Fenced):
        await desk.journal.sure()
    await asyncio.sleep(0)
    assert desk.lost == 1 and desk.told == [1, 2]
    desk.emit(ITEM)
    assert len(log.waiting) == 2, "nothing is written any more"


async def test_a_tool_does_not_begin_while_nobody_knows_whose_the_session_is() -> None:
    desk = Desk(SlowLog())
    await desk.journal.sure()
    desk.emit(f.ToolStep("c", "pay", "{}", "started"))
    with pytest.raises(LogUnavailable):
        await desk.journal.sure()


@pytest.fixture
async def log() -> AsyncIterator[SqliteLog]:
    made = SqliteLog(None, "a")
    await made.open("s", b"", {})
    yield made
    await made.shut()


async def test_while_the_agent_speaks_what_was_heard_is_written_once_a_second(
    log: SqliteLog,
) -> None:
    desk = Desk(log)
    item = Item("a", "message", "assistant", (Part("output_audio", transcript=""),))
    desk.stream.emit(f.ReplyCreated("r", "audio"), 0)
    desk.stream.emit(f.ReplyItemAdded("r", item, 0, None, "audio"), 0)
    text = "Once upon a time there was"
    desk.stream.emit(f.ReplyTranscript("r", "a", 0, text), 0)
    at = 0
    for n, word in enumerate(text.split()):
        desk.stream.emit(f.Word("r", "a", at, at + len(word), word), 500 * n)
        at += len(word) + 1
    await desk.journal.sure()
    records = (await log.read("s")).records
    heard = [record.text for record in records if '"Heard"' in record.text]
    assert len(heard) == 2
    found = past(records).conversation.messages()
    assert found == [{"role": "assistant", "content": "Once upon a time [interrupted]"}]


async def test_the_agents_state_is_written_when_it_changed_and_only_then(log: SqliteLog) -> None:
    desk = Desk(log)
    desk.emit(ITEM)
    desk.state["n"] = 1
    desk.emit(ITEM, ITEM)
    desk.state["n"] = {1, 2}
    desk.emit(ITEM)
    await desk.journal.sure()
    records = (await log.read("s")).records
    assert [record.text.count('"state"') for record in records] == [0, 1, 0, 0]
    assert past(records).state == {"n": 1}, "what is not JSON does not survive, and ends nothing"


async def test_a_session_that_is_over_is_closed_and_one_that_moves_is_not(log: SqliteLog) -> None:
    Desk(log).emit(f.Ended("the server is going down", "moved"))
    assert (await log.opened())[0].ended is None
    desk = Desk(log)
    desk.emit(ITEM, ITEM, f.Ended("hung up"))
    assert (await log.opened())[0].reason == "hung up"
