"""A leg that waits for a session which another process has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from talkover import Agent
from talkover.cluster.sqlite import SqliteLog
from talkover.engines.registry import Choice
from talkover.errors import Busy, Full, NotFound
from talkover.media.port import MediaPort
from talkover.protocol import commands as c
from talkover.protocol import facts as f
from talkover.session.lobby import Lobby
from talkover.session.returning import Returning
from talkover.session.session import Session

agent = Agent("x")


@agent.reply
async def reply(turn: Any) -> str:
    return "Yes."


@asynccontextmanager
async def process(file: Path, name: str) -> AsyncIterator[Lobby]:
    lobby = Lobby(MediaPort("127.0.0.1", 0), {"x": agent}, Choice(), SqliteLog(file, name))
    await lobby.warm()
    yield lobby
    await lobby.close("moved")


def begun(lobby: Lobby) -> tuple[Session, list[f.Fact]]:
    with lobby.place():
        session = lobby.attach(config={})
    told: list[f.Fact] = []
    session.stream.attach(lambda entry: told.append(entry[2]))
    session.begin()
    return session, told


async def test_who_waits_changes_nothing_and_needs_the_sessions_own_token(tmp_path: Path) -> None:
    async with process(tmp_path / "s.db", "a") as a, process(tmp_path / "s.db", "b") as b:
        session, _ = begun(a)
        await session.sure()
        back = Returning.of(session.token)
        about = await b.waiting(back)
        assert about.call_id == session.call_id
        assert not session.ended and not b.sessions
        with b.place_beside(back), pytest.raises(Busy, match="waits here"), b.place_beside(back):
            pass
        await session.sure()
        with pytest.raises(NotFound):
            await b.waiting(Returning(session.id, b"wrong"))
        with pytest.raises(NotFound):
            await b.waiting(Returning.of("back_sess_none.x"))
        with pytest.raises(Busy, match="another one"):
            await a.waiting(back)


async def test_a_process_that_drains_takes_nobody_and_asks_all_it_has(tmp_path: Path) -> None:
    async with process(tmp_path / "s.db", "a") as a, process(tmp_path / "s.db", "b") as b:
        session, told = begun(a)
        back = Returning.of(session.token)
        draining = asyncio.create_task(a.drain(20))
        await asyncio.sleep(0)
        await session.stream.told()
        assert f.MoveWanted(20) in told
        assert not a.ready
        with pytest.raises(Full, match="another one takes calls"), a.place():
            pass
        with pytest.raises(Full):
            await a.resume_at_socket(back)
        session.submit(c.Moving())
        async with asyncio.timeout(20):
            await draining
        assert isinstance(told[-1], f.Ended) and told[-1].how == "moved"
        resumed = await b.resume_at_socket(back)
        assert resumed.id == session.id


async def test_who_says_that_it_moves_without_being_asked_is_told_so(tmp_path: Path) -> None:
    async with process(tmp_path / "s.db", "a") as a:
        session, told = begun(a)
        session.submit(c.Moving("mine"))
        session.submit(c.Resume("too"))
        await session.stream.told()
        failed = [fact for fact in told if isinstance(fact, f.Failed)]
        assert [fact.event_id for fact in failed] == ["mine", "too"]
        assert not session.ended


async def test_the_drain_is_over_in_time_with_calls_that_stay(tmp_path: Path) -> None:
    async with process(tmp_path / "s.db", "a") as a:
        session, _ = begun(a)
        async with asyncio.timeout(20):
            await a.drain(0.2)
        assert not session.ended


async def test_a_log_that_its_last_process_left_is_the_next_ones_to_clear_up(
    tmp_path: Path,
) -> None:
    first = SqliteLog(tmp_path / "s.db", "a")
    second = SqliteLog(tmp_path / "s.db", "b")
    await first.open("sess_1", b"token", {})
    assert await second.orphans() == [], "somebody has them"
    await first.shut()
    assert await second.orphans() == ["sess_1"]
    await second.shut()
