"""One suite for every session log: terms fence, records survive, tokens open."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import nats as nats_py
import pytest
from cluster.nats_server import NatsServer
from cluster.secured import SecuredNats
from nats.js.errors import NotFoundError

from talkover.cluster.base import Fenced, Kept, LogUnavailable, Record, SessionLog
from talkover.cluster.nats import BUCKET, STREAM, NatsLog
from talkover.cluster.nats_link import NatsLink
from talkover.cluster.sqlite import SqliteLog
from talkover.errors import ConfigError, NotFound

TOKEN = hashlib.sha256(b"token").digest()
Node = Callable[[str], Awaitable[SessionLog]]
"""A process of this name with the same store."""


@pytest.fixture(params=["sqlite", "nats", "nats with rights"])
async def node(
    request: pytest.FixtureRequest, tmp_path: Path, nats: NatsServer, rights: SecuredNats
) -> AsyncIterator[Node]:
    nodes: list[SessionLog] = []

    async def made(name: str) -> SessionLog:
        match request.param:
            case "sqlite":
                nodes.append(SqliteLog(tmp_path / "deep" / "sessions.db", name))
            case "nats":
                nodes.append(await connected(nats.url, name))
            case _:
                nodes.append(await connected(rights.of(f"node_{len(nodes) % 3 + 1}"), name))
        return nodes[-1]

    if request.param != "sqlite":
        await empty(nats if request.param == "nats" else rights)
    yield made
    for one in nodes:
        await gone(one)


async def connected(url: str, node: str, **given: Any) -> NatsLog:
    return await NatsLog.over(await NatsLink.connect(url, node), **given)


async def gone(log: SessionLog) -> None:
    """Its process is."""
    await log.shut()
    if isinstance(log, NatsLog):
        await log.link.close()


async def empty(server: NatsServer) -> None:
    """Nothing of the last test is left."""
    client = await nats_py.connect(server.url)
    stream = client.jetstream()
    for name in (STREAM, f"KV_{BUCKET}"):
        with contextlib.suppress(NotFoundError):
            await stream.delete_stream(name)
    await client.close()


async def test_what_was_written_is_read_in_order_by_another_process(node: Node) -> None:
    a = await node("a")
    a.open("s", TOKEN, {"agent": "x", "n": [1]})
    for n in range(1, 101):
        a.append("s", 1, Record(n, n * 10, f'{{"n":{n}}}'))
    await a.append("s", 1, Record(101, 1010, "{}"))
    b = await node("b")
    records = (await b.read("s")).records
    assert [r.seq for r in records] == list(range(1, 102)) and records[4].text == '{"n":5}'
    assert [r.seq for r in (await b.read("s", after=99)).records] == [100, 101]
    (opened,) = await b.opened()
    assert (opened.id, opened.term, opened.node, opened.about) == (
        "s", 1, "a", {"agent": "x", "n": [1]},
    )  # fmt: skip


async def test_who_lost_a_session_can_write_nothing_more(node: Node) -> None:
    a, b = await node("a"), await node("b")
    await a.open("s", TOKEN, {})
    await a.append("s", 1, Record(1, 0, "{}"))
    claimed = await b.claim("s", TOKEN)
    assert (claimed.opened.term, claimed.opened.node, len(claimed.records)) == (2, "b", 1)
    with pytest.raises(Fenced):
        await a.append("s", 1, Record(2, 0, '"late"'))
    with pytest.raises(Fenced):
        await a.close("s", 1, "late")
    with pytest.raises(Fenced):
        await a.check("s", 1)
    await b.check("s", 2)
    await b.append("s", 2, Record(2, 0, '"b"'))
    assert [r.text for r in (await a.read("s")).records] == ["{}", '"b"']


async def test_of_writes_that_come_together_each_has_its_own_answer(node: Node) -> None:
    a, b = await node("a"), await node("b")
    for id in ("kept", "lost"):
        await a.open(id, TOKEN, {})
    await b.claim("lost", TOKEN)
    written = await asyncio.gather(
        *(a.append(id, 1, Record(n, 0, f'"{n}"')) for n in range(1, 4) for id in ("lost", "kept")),
        return_exceptions=True,
    )
    assert [isinstance(one, Fenced) for one in written] == [True, False] * 3
    assert [r.text for r in (await b.read("kept")).records] == ['"1"', '"2"', '"3"']
    assert (await b.read("lost")).records == []


async def test_of_fifty_that_claim_each_gets_a_term_of_its_own_and_the_last_one_has_it(
    node: Node,
) -> None:
    nodes = [await node(str(n)) for n in range(5)]
    await nodes[0].open("s", TOKEN, {})
    claims = await asyncio.gather(
        *(nodes[n % 5].claim("s", TOKEN) for n in range(50)), return_exceptions=True
    )
    # Who was overtaken may learn it now, or by its first write.
    assert all(isinstance(one, (Kept, Fenced)) for one in claims)
    taken = [(n, one.opened.term) for n, one in enumerate(claims) if isinstance(one, Kept)]
    terms = [term for _, term in taken]
    assert len(set(terms)) == len(terms) and max(terms) == 51
    written = await asyncio.gather(
        *(nodes[n % 5].append("s", term, Record(n + 1, 0, "{}")) for n, term in taken),
        return_exceptions=True,
    )
    assert [term for term, result in zip(terms, written, strict=True) if result is None] == [51]


async def test_a_wrong_token_and_an_ended_session_open_nothing(node: Node) -> None:
    a = await node("a")
    await a.open("s", TOKEN, {})
    for id, token in (("s", hashlib.sha256(b"other").digest()), ("t", TOKEN)):
        with pytest.raises(NotFound):
            await a.claim(id, token)
    await a.close("s", 1, "hung up")
    with pytest.raises(NotFound, match="ended"):
        await a.claim("s", TOKEN)
    (opened,) = await a.opened()
    assert opened.ended is not None and opened.reason == "hung up"
    with pytest.raises(Fenced):
        await a.append("s", 1, Record(1, 0, "{}"))


async def test_a_record_written_twice_is_there_once(node: Node) -> None:
    a = await node("a")
    await a.open("s", TOKEN, {})
    for _ in range(2):
        await a.append("s", 1, Record(1, 0, "{}"))
    assert len((await a.read("s")).records) == 1


async def test_what_was_forgotten_is_gone(node: Node) -> None:
    a = await node("a")
    await a.open("s", TOKEN, {})
    await a.append("s", 1, Record(1, 0, "{}"))
    await a.forget("s")
    assert await a.opened() == []
    for asked in (a.read("s"), a.forget("s"), a.claim("s", TOKEN)):
        with pytest.raises(NotFound):
            await asked


async def test_orphans_are_what_a_process_left_and_nobody_else_has(tmp_path: Path) -> None:
    file = tmp_path / "sessions.db"
    a, b = SqliteLog(file, "a"), SqliteLog(file, "b")
    a.open("left", TOKEN, {})
    await a.open("over", TOKEN, {})
    await a.close("over", 1, "hung up")
    await b.open("alive", TOKEN, {})
    assert await a.orphans() == [], "its own are none, nor are those of a process beside it"
    assert await b.orphans() == []
    await a.shut()
    assert await b.orphans() == ["left"]
    c = SqliteLog(file, "c")
    await c.claim("left", None)
    assert await b.orphans() == [] == await c.orphans()
    await b.shut()
    await c.shut()
    d = SqliteLog(file, "d")
    assert await d.orphans() == ["alive", "left"]
    await d.shut()
    assert os.listdir(tmp_path) == ["sessions.db"], "nothing is left beside it"


async def test_a_disk_that_takes_nothing_for_a_while_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "sessions.db"
    a = SqliteLog(file, "a", patience_s=0.01)
    await a.open("s", TOKEN, {})
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    written = [a.append("s", 1, Record(n, 0, "{}")) for n in range(1, 11)]
    done, _ = await asyncio.wait(written, timeout=0.2)
    assert not done
    other.execute("ROLLBACK")
    await asyncio.gather(*written)
    assert [r.seq for r in (await a.read("s")).records] == list(range(1, 11))
    other.close()
    await a.shut()


async def test_ended_sessions_are_kept_no_longer_than_asked(tmp_path: Path) -> None:
    file = tmp_path / "sessions.db"
    a = SqliteLog(file, "a", keep_s=0)
    await a.open("s", TOKEN, {})
    await a.append("s", 1, Record(1, 0, "{}"))
    await a.close("s", 1, "hung up")
    await a.open("t", TOKEN, {})
    await a.shut()
    b = SqliteLog(file, "b", keep_s=0)
    await b.open("u", TOKEN, {})
    assert {one.id for one in await b.opened()} == {"t", "u"}
    await b.shut()


def test_a_file_that_cannot_be_used_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database, but long enough to look like one " * 20)
    with pytest.raises(ConfigError, match="--state"):
        SqliteLog(tmp_path / "file", "a")
    with pytest.raises(ConfigError, match="--state"):
        SqliteLog(tmp_path / "file" / "deep", "a")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_an_engine_that_is_away_loses_nothing_and_keeps_the_order(
    tmp_path: Path, how: str
) -> None:
    server = NatsServer(tmp_path)
    a = await connected(server.url, "a")
    a.open("s", TOKEN, {})
    await a.append("s", 1, Record(1, 0, "{}"))
    server.kill() if how == "killed" else server.pause()
    written = [a.append("s", 1, Record(n, 0, "{}")) for n in range(2, 301)]
    a.open("t", TOKEN, {})
    written.append(a.append("t", 1, Record(1, 0, "{}")))
    done, _ = await asyncio.wait(written, timeout=3.0)
    assert not done
    with pytest.raises(LogUnavailable):
        await a.read("s")
    server.start() if how == "killed" else server.go_on()
    async with asyncio.timeout(20):
        await asyncio.gather(*written)
    b = await connected(server.url, "b")
    assert [r.seq for r in (await b.read("s")).records] == list(range(1, 301))
    assert len((await b.read("t")).records) == 1
    await gone(a)
    await gone(b)
    server.stop()


async def test_of_several_processes_the_orphans_are_those_of_one_that_is_silent(
    nats: NatsServer,
) -> None:
    await empty(nats)
    a = await connected(nats.url, "a", away_s=0)
    b = await connected(nats.url, "b", away_s=0)
    await a.open("s", TOKEN, {})
    await a.append("s", 1, Record(1, 0, "{}"))
    async with asyncio.timeout(10):
        # It is told in its own time.
        while not await b.opened():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await asyncio.sleep(1.2)
    assert await b.orphans() == [], "it is heard of"
    await gone(a)
    async with asyncio.timeout(10):
        while await b.orphans() != ["s"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await b.claim("s", None)
    assert await b.orphans() == []
    await gone(b)


async def test_an_engine_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="cannot be reached"):
        await connected("nats://127.0.0.1:9", "a")
