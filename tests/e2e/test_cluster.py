"""Two servers and NATS between them: what one has said the other knows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import urllib.error
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import websockets
from cluster.nats_cluster import NatsCluster
from cluster.nats_server import NatsServer
from e2e.dialogue import AGENT, kill, known, noted, said
from e2e.mover import moving
from e2e.server import Server
from e2e.test_gateway import post

from talkover.cli.caller import Caller, CallError
from talkover.cluster.nats import BUCKET

pytestmark = pytest.mark.e2e


def typed(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return {"type": "conversation.item.create", "item": item}


async def seen(watcher: websockets.ClientConnection, kind: str) -> dict[str, Any]:
    """The next event of this kind."""
    async with asyncio.timeout(20):
        while True:
            event = json.loads(await watcher.recv())
            if event["type"] == kind:
                return event


async def told(server: Server, session: str, key: str | None = None) -> None:
    """Until a server knows of a session that another one has."""
    async with asyncio.timeout(20):
        while session.encode() not in server.get("/v1/sessions", key):  # noqa: ASYNC110 - it is told in its own time
            await asyncio.sleep(0.1)


async def written(server: Server, session: str, words: bytes) -> None:
    """Until a server reads them in the log, which it answers with 503 while NATS is away."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(urllib.error.HTTPError):
                if words in await asyncio.to_thread(server.get, f"/v1/sessions/{session}"):
                    return
            await asyncio.sleep(0.1)


class Pair:
    """Servers `a` and `b`, and the NATS that both are told of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nats = NatsServer(folder)
        self.a, self.b = self.serve("a"), self.serve("b")

    def serve(self, name: str) -> Server:
        (self.folder / name).mkdir()
        return Server(self.folder / name, "--nats", self.nats.url, agent=AGENT)

    def ledger(self, word: str) -> list[str]:
        lines = (self.folder / "ledger").read_text().splitlines()
        return [line for line in lines if line.startswith(word)]

    def stop(self) -> None:
        for server in (self.a, self.b):
            if server.process.poll() is None:
                server.process.send_signal(signal.SIGCONT)
                server.stop()
        self.nats.stop()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.stop()


async def begun(server: Server, things: int) -> Caller:
    """A caller who has said so many things."""
    call = Caller(server.url)
    await call.dial()
    await said(call)
    for n in range(1, things + 1):
        call.type(f"thing {n}")
        assert await said(call, n + 1) == f"You have said {n} things, I was asked {n} times."
    return call


async def test_when_a_server_is_killed_another_one_goes_on_with_its_calls(pair: Pair) -> None:
    call = await begun(pair.a, 3)
    kill(pair.a)
    async with Caller(pair.b.url, token=call.back) as back:
        created = await back.wait_for("session.created")
        assert created["session"]["id"] == call.of("session.created")[0]["session"]["id"]
        back.type("thing 4")
        assert await said(back) == "You have said 4 things, I was asked 4 times."
        assert len(known(back)) == 7
    call.vanish()
    assert len(pair.ledger("start")) == 1


async def test_a_server_and_the_nats_server_that_leads_die_together(tmp_path: Path) -> None:
    nats = NatsCluster(tmp_path)
    await nats.ready()

    def serve(name: str) -> Server:
        (tmp_path / name).mkdir()
        cluster = ("--nats", nats.url, "--nats-replicas", "3")
        return Server(tmp_path / name, *cluster, agent=AGENT)

    a, b = [await asyncio.to_thread(serve, name) for name in "ab"]
    call = await begun(a, 2)
    (await nats.leader(f"KV_{BUCKET}")).kill()
    kill(a)
    back = Caller(b.url, token=call.back)
    async with asyncio.timeout(60):
        while True:
            try:
                await back.dial()
                break
            except CallError:
                # Nobody can claim a session before the other two have elected a leader.
                await asyncio.sleep(0.2)
    back.type("thing 3")
    assert await said(back) == "You have said 3 things, I was asked 3 times."
    assert len(known(back)) == 5
    await back.hang_up()
    call.vanish()
    await asyncio.to_thread(b.stop)
    nats.stop()


async def test_a_call_is_steered_watched_and_ended_through_another_server(pair: Pair) -> None:
    call = await begun(pair.a, 1)
    session = call.of("session.created")[0]["session"]["id"]
    await told(pair.b, session)
    call_id = call.location.rpartition("/")[2]
    watching = f"{pair.b.url.replace('http', 'ws')}/v1/realtime?call_id={call_id}"
    async with websockets.connect(watching) as watcher:
        body = json.dumps({"events": [typed("thing 2"), {"type": "response.create"}]}).encode()
        status, answer = post(f"{pair.b.url}/v1/sessions/{session}/events", body)
        assert (status, answer) == (200, {"errors": []})
        assert await said(call, 3) == "You have said 2 things, I was asked 2 times."
        await seen(watcher, "response.done")
        await watcher.send(json.dumps(typed("thing 3")))
        await watcher.send(json.dumps({"type": "response.create"}))
        assert await said(call, 4) == "You have said 3 things, I was asked 3 times."
        await seen(watcher, "response.done")
        await watcher.send(json.dumps({"type": "no.such"}))
        assert (await seen(watcher, "error"))["error"]["code"] == "invalid_value"
        assert post(f"{pair.b.url}/v1/realtime/calls/{call_id}/hangup")[0] == 200
        await call.until(lambda: call.closed is not None)
    assert "Traceback" not in pair.a.log + pair.b.log
    call.vanish()


async def test_a_new_call_begins_where_there_is_most_room(tmp_path: Path) -> None:
    nats = NatsServer(tmp_path)
    servers: list[Server] = []
    for name, most in (("a", "2"), ("b", "20")):
        (tmp_path / name).mkdir()
        servers.append(
            Server(tmp_path / name, "--nats", nats.url, "--most-calls", most, agent=AGENT)
        )
    a = servers[0]
    async with asyncio.timeout(20):
        while a.get("/v1/nodes").count(b'"ready":true') < 2:  # noqa: ASYNC110 - it is told in its own time
            await asyncio.sleep(0.1)
    calls = [Caller(a.url) for _ in range(4)]
    for call in calls:
        await call.dial()
        await said(call)
    live = [json.loads(server.get("/readyz"))["calls"] for server in servers]
    assert sum(live) == 4 and live[1] >= 3, live
    calls[0].type("thing 1")
    assert await said(calls[0], 2) == "You have said 1 things, I was asked 1 times."
    for call in calls:
        await call.hang_up()
    for server in servers:
        server.stop()
    nats.stop()


async def test_a_server_that_only_slept_has_lost_its_call_and_does_nothing_more(
    pair: Pair,
) -> None:
    call = await begun(pair.a, 1)
    call.type("pay five euros")
    await noted(pair.folder / "a", "pay")
    pair.a.process.send_signal(signal.SIGSTOP)
    async with Caller(pair.b.url, token=call.back) as back:
        assert '"unknown"' in await said(back)
        pair.a.process.send_signal(signal.SIGCONT)
        call.vanish()
        async with asyncio.timeout(60):
            while "goes on elsewhere" not in pair.a.log:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.1)
        back.type("thing 3")
        assert "You have said 3 things" in await said(back, 2)
    assert len(pair.ledger("pay")) == 1
    async with asyncio.timeout(10):
        while not pair.ledger("end"):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.1)
    assert len(pair.ledger("end")) == 1, "it ended once, where it was"


async def test_a_call_goes_on_while_nats_is_away_and_nothing_of_it_is_lost(pair: Pair) -> None:
    call = await begun(pair.a, 1)
    pair.nats.kill()
    for n in (2, 3):
        call.type(f"thing {n}")
        assert await said(call, n + 1) == f"You have said {n} things, I was asked {n} times."
    pair.nats.start()
    await written(pair.b, call.of("session.created")[0]["session"]["id"], b"thing 3")
    kill(pair.a)
    async with Caller(pair.b.url, token=call.back) as back:
        back.type("thing 4")
        assert await said(back) == "You have said 4 things, I was asked 4 times."
    call.vanish()


async def test_three_servers_are_restarted_one_after_the_other_under_their_calls(
    tmp_path: Path,
) -> None:
    nats = NatsServer(tmp_path)

    def serve(name: str) -> Server:
        (tmp_path / name).mkdir()
        return Server(tmp_path / name, "--nats", nats.url, "--drain-seconds", "60", agent=AGENT)

    nodes = [await asyncio.to_thread(serve, name) for name in "abc"]
    turn = count()

    def elsewhere() -> str:
        ready = [node for node in nodes if node.process.poll() is None]
        return ready[next(turn) % len(ready)].url

    over, begun = asyncio.Event(), asyncio.Barrier(7)

    async def talk(number: int) -> list[float]:
        async with moving(nodes[number % 3].url, elsewhere=elsewhere) as mover:
            call, things = mover.call, 0
            await said(call)
            await begun.wait()
            while not (over.is_set() and mover.here.is_set()):
                await mover.here.wait()
                things += 1
                call.type(f"thing {things}")
                wanted = f"You have said {things} things, I was asked {things} times."
                assert await said(call, things + 1) == wanted
                # A moment between turns.
                await asyncio.sleep(1)
            assert len({event["session"]["id"] for event in call.of("session.created")}) == 1
            return mover.gaps

    async def restart() -> None:
        await begun.wait()
        for n in range(3):
            nodes[n].process.terminate()
            await asyncio.to_thread(nodes[n].process.wait, 60)
            assert "did not move" not in nodes[n].log
            nodes[n] = await asyncio.to_thread(serve, f"again-{n}")
        over.set()

    try:
        async with asyncio.TaskGroup() as group:
            talks = [group.create_task(talk(number)) for number in range(6)]
            await restart()
        gaps = sorted(gap for each in talks for gap in each.result())
        assert len(gaps) >= 6, "each had to leave once at least"
        print(f"{len(gaps)} moves, without a server {gaps[0] * 1e3:.0f}-{gaps[-1] * 1e3:.0f} ms")
    finally:
        for node in nodes:
            node.process.kill()
        nats.stop()
    starts = (tmp_path / "ledger").read_text().count("start")
    assert starts == 6, "each was one conversation"
