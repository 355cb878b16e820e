"""What NATS did not take is on the disk: of a process that is killed, the next one writes it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cluster.left_behind import LAST, TOKEN
from cluster.nats_server import NatsServer
from cluster.test_session_log import connected, empty, gone
from structlog.testing import capture_logs

from talkover.cluster.base import LogUnavailable, Record
from talkover.cluster.spool import Spool

ROOT = Path(__file__).resolve().parents[2]


async def until(condition: Callable[[], bool]) -> None:
    """A disk and other processes cannot be awaited, only looked at."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)


@contextmanager
def another(url: str, spools: Path) -> Generator[subprocess.Popen[str]]:
    """A process that has begun its sessions, and says more with the next line that it is given."""
    paths = os.pathsep.join((str(ROOT / "python"), str(ROOT / "tests")))
    with subprocess.Popen(
        [sys.executable, "-m", "cluster.left_behind", url, "killed", spools],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": paths},
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None and process.stdin is not None
            assert process.stdout.readline() == "begun\n"
            yield process
        finally:
            process.kill()


async def test_what_a_process_could_not_write_before_it_was_killed_the_next_one_writes(
    nats: NatsServer, tmp_path: Path
) -> None:
    await empty(nats)
    spools = tmp_path / "spool"

    def kept() -> int:
        return sum(file.read_bytes().count(b"\n") for file in spools.glob("*/*.jsonl"))

    with another(nats.url, spools) as process:
        await until(lambda: kept() == 0)
        nats.kill()
        print("more", file=process.stdin, flush=True)
        await until(lambda: kept() == LAST - 1 + 5)
    nats.start()
    elsewhere = await connected(nats.url, "elsewhere")
    await elsewhere.claim("claimed", TOKEN)
    await elsewhere.forget("forgotten")
    with capture_logs() as said:
        here = await connected(nats.url, "here", spools=spools)
    dropped = {one["session"] for one in said if "is dropped" in one["event"]}
    assert dropped == {"claimed", "forgotten"}
    whole = await here.claim("goes_on", TOKEN)
    assert [record.seq for record in whole.records] == list(range(1, LAST + 1))
    new = await here.read("new")
    assert (new.opened.reason, new.opened.about, len(new.records)) == ("hung up", {"agent": "x"}, 1)
    assert len((await here.read("claimed")).records) == 1
    assert {one.id for one in await here.opened()} == {"goes_on", "claimed", "new"}
    assert [file.name for file in spools.glob("*/*")] == ["here.jsonl"]
    await gone(here)
    await gone(elsewhere)
    assert not list(spools.glob("*/*")), "nothing is left of who left nothing"


async def test_a_spool_that_cannot_be_written_is_told_of_and_costs_no_call_anything(
    nats: NatsServer, tmp_path: Path
) -> None:
    await empty(nats)
    (tmp_path / "file").touch()
    with capture_logs() as said:
        a = await connected(nats.url, "a", spools=tmp_path / "file")
        await a.open("s", TOKEN, {})
        nats.kill()
        written = [a.append("s", 1, Record(n, 0, "{}")) for n in range(1, 11)]
        await until(lambda: a.spool.records == 10)
        nats.start()
        await asyncio.gather(*written)
    assert [one["event"] for one in said if one["log_level"] == "error"] == [
        "the spool cannot be written: what NATS does not take is in memory alone"
    ]
    assert [record.seq for record in (await a.read("s")).records] == list(range(1, 11))
    assert a.spool.records == a.spool.bytes == 0
    await gone(a)


async def test_a_full_spool_refuses_records_and_no_others(nats: NatsServer, tmp_path: Path) -> None:
    await empty(nats)
    a = await connected(nats.url, "a")
    a.spool = Spool(tmp_path, "a", most_bytes=200)
    a.open("s", TOKEN, {})
    await a.append("s", 1, Record(1, 0, "{}"))
    nats.kill()
    waits = a.append("s", 1, Record(2, 0, "x" * 200))
    await until(lambda: a.spool.full)
    with pytest.raises(LogUnavailable, match="behind"):
        await a.append("s", 1, Record(3, 0, "{}"))
    opened = a.open("t", TOKEN, {})
    nats.start()
    await asyncio.gather(waits, opened)
    await a.append("s", 1, Record(4, 0, "{}"))
    assert [record.seq for record in (await a.read("s")).records] == [1, 2, 4]
    await gone(a)


async def test_more_than_a_message_may_have_goes_in_several(nats: NatsServer) -> None:
    await empty(nats)
    a = await connected(nats.url, "a")
    a.open("s", TOKEN, {})
    text = "x" * 40_000
    await asyncio.gather(*(a.append("s", 1, Record(n, 0, text)) for n in range(1, 65)))
    assert len((await a.read("s")).records) == 64
    await gone(a)


async def test_a_spool_is_empty_again_once_nothing_waits(tmp_path: Path) -> None:
    spool, other = Spool(tmp_path, "a"), Spool(tmp_path, "b")
    file = tmp_path / "a.jsonl"
    numbers = [spool.keep("s", 1, ("record", Record(n, 0, "{}"))) for n in (1, 2)]
    await until(lambda: file.read_bytes().count(b"\n") == 2)
    assert (spool.records, spool.bytes) == (2, file.stat().st_size)
    assert await other.abandoned() == [], "its process lives"
    for number in numbers:
        spool.taken(number)
    await until(lambda: not file.stat().st_size)
    spool.keep("s", 1, ("record", Record(3, 0, "{}")))
    await spool.close()
    with file.open("ab") as torn:
        torn.write(b'["s", 1, "record", [4, 0')
    (found,) = await other.abandoned()
    assert [write for left in found.left for write in left.writes] == [("record", [3, 0, "{}"])]
    found.close()
    (again,) = await other.abandoned()
    again.done()
    assert await other.abandoned() == [] and not file.exists()
    await other.close()


async def test_a_spool_in_which_something_always_waits_does_not_grow(tmp_path: Path) -> None:
    spool, other = Spool(tmp_path, "a", most_bytes=4000), Spool(tmp_path, "b")
    file, waiting = tmp_path / "a.jsonl", list[int]()
    for n in range(1, 101):
        waiting.append(spool.keep("s", 1, ("record", Record(n, 0, "x" * 50))))
        if len(waiting) > 3:
            spool.taken(waiting.pop(0))
        assert not spool.full
        await until(lambda n=n: b"[%d," % n in file.read_bytes())
        assert file.stat().st_size < 2000
    await spool.close()
    (found,) = await other.abandoned()
    assert {what[0] for left in found.left for _, what in left.writes} >= {98, 99, 100}
    found.done()
    assert await other.abandoned() == []
    await other.close()
