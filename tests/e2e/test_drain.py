"""A server that stops while calls are on, and what they notice of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from e2e import browser as b
from e2e.dialogue import AGENT, said
from e2e.mover import moving
from e2e.server import Server, spoken

from talkover.cli.caller import Caller
from talkover.cli.staying import staying

pytestmark = pytest.mark.e2e


class Deployed:
    """One port and one log, and one process in the place of the other."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self.processes: list[Server] = []
        self.serve("--drain-seconds", "30")

    @property
    def url(self) -> str:
        return self.processes[0].url

    def serve(self, *arguments: str) -> Server:
        self._count += 1
        (inner := self._folder / str(self._count)).mkdir()
        made = Server(
            inner, "--state", str(self._folder / "sessions.db"), *arguments, agent=AGENT,
            environment={"HOME": str(self._folder)},
        )  # fmt: skip
        self.processes.append(made)
        return made

    def replace(self) -> Server:
        """Returns once the new process is ready; the old one is told to stop by it."""
        old = self.processes[-1]
        port = old.url.rsplit(":", 1)[1]
        return self.serve("--replace", "--port", port, "--media-port", str(old.media_port))

    def records(self, session: str) -> list[dict[str, Any]]:
        with contextlib.closing(sqlite3.connect(self._folder / "sessions.db")) as db:
            rows = db.execute(
                "SELECT seq, text FROM records WHERE session=? ORDER BY seq", (session,)
            ).fetchall()
        return [json.loads(text) | {"seq": seq} for seq, text in rows]

    def ledger(self, word: str) -> list[str]:
        lines = (self._folder / "ledger").read_text().splitlines()
        return [line for line in lines if line.startswith(word)]

    def stop(self) -> None:
        for server in self.processes:
            if server.process.poll() is None:
                server.process.terminate()
                server.process.terminate()
        for server in self.processes:
            server.process.wait(40)
            assert "Traceback" not in server.log, server.log


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployed]:
    made = Deployed(tmp_path)
    yield made
    made.stop()


async def exited(server: Server, seconds: float = 30) -> None:
    await asyncio.to_thread(server.process.wait, seconds)


def ended(call: Caller) -> list[str]:
    return [event["how"] for event in call.of("talkover.ended")]


def check_whole(records: list[dict[str, Any]]) -> None:
    """Nothing is there twice."""
    items = [record["item"]["id"] for record in records if record["fact"] == "ItemDone"]
    assert len(items) == len(set(items))
    numbers = [record["seq"] for record in records]
    assert numbers == sorted(set(numbers))


async def test_a_call_moves_between_two_turns_and_goes_on_at_the_next_process(
    deployed: Deployed,
) -> None:
    old = deployed.processes[0]
    async with moving(old.url) as mover:
        call = mover.call
        assert await said(call) == "Hello."
        call.type("thing 1")
        assert await said(call, 2) == "You have said 1 things, I was asked 1 times."
        new = await asyncio.to_thread(deployed.replace)
        await exited(old)
        assert ended(call) == ["moved"] and call.closed is None
        await mover.here.wait()
        print(f"{mover.gaps[0] * 1000:.0f} ms without a process")
        call.type("thing 2")
        await call.until(lambda: len(call.of("response.done")) >= 3)
        assert await said(call, 3) == "You have said 2 things, I was asked 2 times."
        sessions = {event["session"]["id"] for event in call.of("session.created")}
        assert len(sessions) == 1
        assert new.process.poll() is None
    check_whole(deployed.records(*sessions))
    assert len(deployed.ledger("start")) == 1


async def test_a_sentence_is_finished_before_its_call_moves(deployed: Deployed) -> None:
    old = deployed.processes[0]
    async with moving(old.url) as mover:
        call = mover.call
        await said(call)
        call.type("thing 1")
        await call.until(lambda: len(call.of("talkover.word")) >= 3)
        await asyncio.to_thread(deployed.replace)
        answer = "You have said 1 things, I was asked 1 times."
        assert await said(call, 2) == answer
        await exited(old)
        heard = [event["text"] for event in call.of("talkover.heard")]
        assert heard[-1] == answer, "to its end, at the old process"
        call.type("thing 2")
        assert await said(call, 3) == "You have said 2 things, I was asked 2 times."


async def test_an_endless_answer_is_left_after_a_sentence_and_gone_on_with(
    deployed: Deployed,
) -> None:
    old = deployed.processes[0]
    async with moving(old.url) as mover:
        call = mover.call
        await said(call)
        call.type("tell me a story")
        await call.until(lambda: len(call.of("talkover.word")) >= 3)
        await asyncio.to_thread(deployed.replace)
        await exited(old)
        created = await call.wait_for("session.created", 2)
        assert created["session"]["id"]
        await call.until(lambda: len(call.of("response.done")) >= 2)
        assert await said(call, 2) == "And so it went on."
        records = deployed.records(created["session"]["id"])
        check_whole(records)
        heard = [record["text"] for record in records if record["fact"] == "Heard"]
        told = next(text for text in reversed(heard) if "Once upon" in text)
        assert told.rstrip().endswith("."), told


async def test_a_voice_that_begins_when_no_process_has_the_call_is_heard(
    deployed: Deployed, tmp_path: Path
) -> None:
    question = spoken("what time is it", tmp_path)
    old = deployed.processes[0]
    async with moving(old.url, let_go=lambda call: call.play_file(question)) as mover:
        call = mover.call
        await said(call)
        await asyncio.to_thread(deployed.replace)
        await exited(old)
        kind = "conversation.item.input_audio_transcription.completed"
        heard = (await call.wait_for(kind))["transcript"]
        assert "time" in heard.lower(), heard
        assert "You have said 1 things" in await said(call, 2)


async def test_a_caller_who_cannot_move_keeps_its_call_until_the_time_is_over(
    tmp_path: Path,
) -> None:
    server = Server(
        tmp_path, "--state", str(tmp_path / "s.db"), "--drain-seconds", "4", agent=AGENT
    )
    call = Caller(server.url)
    await call.dial()
    await said(call)
    server.process.terminate()
    began = time.monotonic()
    call.type("thing 1")
    assert "You have said 1 things" in await said(call, 2), "it is a call like any other"
    await call.until(lambda: bool(call.of("talkover.ended")))
    assert time.monotonic() - began > 3.5
    assert ended(call) == ["moved"]
    call.vanish()
    await exited(server)


async def test_a_second_signal_ends_the_waiting(tmp_path: Path) -> None:
    server = Server(
        tmp_path, "--state", str(tmp_path / "s.db"), "--drain-seconds", "600", agent=AGENT
    )
    call = Caller(server.url)
    await call.dial()
    await said(call)
    server.process.terminate()
    await call.wait_for("talkover.move")
    server.process.terminate()
    await call.until(lambda: bool(call.of("talkover.ended")))
    call.vanish()
    await exited(server)


async def test_a_call_on_a_websocket_moves_as_well(deployed: Deployed) -> None:
    old = deployed.processes[0]
    url = old.url.replace("http", "ws") + "/v1/realtime?extensions=talkover"
    async with websockets.connect(url) as socket:
        first = Feed(socket)
        back = socket.response.headers["Talkover-Resume"]
        await first.next("response.done")
        await first.ask("thing 1")
        await asyncio.to_thread(deployed.replace)
        async with websockets.connect(
            url + "&waiting=true", additional_headers={"Authorization": f"Bearer {back}"}
        ) as other:
            second = Feed(other)
            await second.send("response.create")
            refused = await second.next("error")
            assert "talkover.resume first" in refused["error"]["message"]
            await first.next("talkover.move")
            await first.send("talkover.moving")
            assert (await first.next("talkover.ended"))["how"] == "moved"
            done = [event for event in first.seen if event["type"] == "response.done"]
            assert "said 1 things" in transcript(done[-1]), "it was finished where it began"
            await second.send("talkover.resume")
            await second.next("session.created")
            await second.ask("thing 2")
            assert "said 2 things" in transcript(await second.next("response.done"))
            await exited(old)


async def test_a_caller_that_stays_moves_by_itself(deployed: Deployed) -> None:
    old, lines = deployed.processes[0], list[str]()
    async with Caller(deployed.url) as call, staying(call, lines.append):
        await said(call)
        call.type("thing 1")
        await said(call, 2)
        await asyncio.to_thread(deployed.replace)
        await call.until(lambda: call.legs == 2 and "moved to another server" in lines, 40)
        call.type("thing 2")
        assert "said 2 things" in await said(call, 3)
        await exited(old)
    assert lines == ["moved to another server"]


CLOCK = """() => {
  const seen = window.seen = { left: 0, created: 0, silent: 0 };
  let last = performance.now();
  const look = () => {
    const count = kind => talkover.events.filter(e => e.type === kind).length;
    const now = performance.now();
    if (!seen.left && document.body.textContent.includes("moved to another")) seen.left = now;
    if (!seen.created && count("session.created") > 1) seen.created = now;
    if (talkover.stage.levels.of("agent") > 0.01) last = now;
    if (talkover.stage.agentState === "speaking") seen.silent = Math.max(seen.silent, now - last);
    else last = now;
    setTimeout(look, 5);
  };
  look();
}"""
"""When the call was let go and taken up, and the longest silence in the agent's speech."""


@pytest.mark.parametrize("way", ["webrtc", "websocket"])
def test_the_page_moves_by_itself_and_the_sentence_is_heard_out(
    deployed: Deployed, tmp_path: Path, way: str
) -> None:
    old = deployed.processes[0]
    with b.browsing(old.url, b.silence(tmp_path)) as page:
        if way == "websocket":
            page.evaluate("() => { delete window.RTCPeerConnection }")
        b.call(page)
        b.event(page, "response.done")
        page.get_by_test_id("text-input").fill("thing 1")
        page.get_by_test_id("send").click()
        b.wait(page, "() => document.body.textContent.includes('You have said 1 things')")
        page.evaluate(CLOCK)
        deployed.replace()
        b.wait(page, "() => window.seen.created > 0")
        old.process.wait(30)
        assert page.evaluate("() => talkover.state") == "live"
        assert "moved to another server" in page.get_by_test_id("notice").inner_text()
        heard = page.evaluate(
            "() => talkover.events.filter(e => e.type === 'talkover.heard').map(e => e.text)"
        )
        assert heard[-1] == "You have said 1 things, I was asked 1 times.", "to its end"
        b.picture(page, f"moved-{way}")
        page.get_by_test_id("text-input").fill("thing 2")
        page.get_by_test_id("send").click()
        b.wait(page, "() => document.body.textContent.includes('You have said 2 things')")
        b.wait(page, "() => talkover.stage.levels.of('agent') > 0.01")
        seen = page.evaluate("() => window.seen")
        gap = seen["created"] - seen["left"]
        print(f"{way}: {gap:.0f} ms without a process, {seen['silent']:.0f} ms silent in speech")
        # 300 ms on a quiet machine.
        assert gap < 3000
        page.get_by_test_id("hangup").click()
        b.state(page, "ended")
    deployed.processes[-1].process.terminate()
    deployed.processes[-1].process.wait(30)
    assert len(deployed.ledger("start")) == len(deployed.ledger("end")) == 1


class Feed:
    """What a socket was sent; `next` is the next event of a type."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self.seen: list[dict[str, Any]] = []

    async def next(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while True:
                self.seen.append(json.loads(await self._socket.recv()))
                if self.seen[-1]["type"] == kind:
                    return self.seen[-1]

    async def send(self, kind: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"type": kind, **fields}))

    async def ask(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        await self.send(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": content},
        )
        await self.send("response.create")


def transcript(done: dict[str, Any]) -> str:
    return done["response"]["output"][0]["content"][0]["transcript"]
