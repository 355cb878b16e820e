"""A server is killed, or a caller vanishes, and the conversation goes on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import websockets
from e2e import browser as b
from e2e.dialogue import AGENT, kill, known, noted, said
from e2e.server import Server

from talkover.cli.call import Line, one
from talkover.cli.caller import Caller

pytestmark = pytest.mark.e2e


def serve(folder: Path) -> Server:
    return Server(folder, "--state", str(folder / "sessions.db"), agent=AGENT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "a"
    inner.mkdir()
    return inner


async def test_a_killed_server_comes_back_with_the_whole_conversation(folder: Path) -> None:
    server = serve(folder)
    call = Caller(server.url)
    await call.dial()
    assert await said(call) == "Hello."
    for n in (1, 2, 3):
        call.type(f"thing {n}")
        assert await said(call, n + 1) == f"You have said {n} things, I was asked {n} times."
    session = call.of("session.created")[0]["session"]["id"]
    kill(server)
    again = serve(folder)
    began = time.monotonic()
    async with Caller(again.url, token=call.back) as back:
        created = await back.wait_for("session.created")
        assert created["session"]["id"] == session
        back.type("thing 4")
        assert await said(back) == "You have said 4 things, I was asked 4 times."
        assert time.monotonic() - began < 10
        assert known(back)[:3] == [
            ("assistant", "Hello."),
            ("user", "thing 1"),
            ("assistant", "You have said 1 things, I was asked 1 times."),
        ]
        assert len(known(back)) == 7
    call.vanish()
    await asyncio.sleep(0.2)
    again.stop()
    ledger = (folder.parent / "ledger").read_text().splitlines()
    assert [line.split()[0] for line in ledger] == ["start", "end"], "one conversation"


async def test_an_answer_cut_off_by_a_kill_is_cut_to_what_was_heard_and_goes_on(
    folder: Path,
) -> None:
    server = serve(folder)
    call = Caller(server.url)
    await call.dial()
    await said(call)
    call.type("tell me a story")
    await call.until(lambda: len(call.of("talkover.word")) >= 20)
    kill(server)
    words = [event["text"] for event in call.of("talkover.word")][1:]
    again = serve(folder)
    async with Caller(again.url, token=call.back) as back:
        assert await said(back) == "And so it went on."
        role, heard = known(back)[2]
        assert role == "assistant" and heard.startswith("Once upon a time")
        assert len(words) - 8 <= len(heard.split()) <= len(words)
    call.vanish()
    again.stop()


async def test_a_tool_under_way_is_never_run_twice_and_its_outcome_is_told(folder: Path) -> None:
    server = serve(folder)
    call = Caller(server.url)
    await call.dial()
    await said(call)
    call.type("pay five euros")
    await noted(folder, "pay")
    kill(server)
    again = serve(folder)
    async with Caller(again.url, token=call.back) as back:
        assert '"unknown"' in await said(back) and "interrupted" in await said(back)
    call.vanish()
    again.stop()
    assert (folder.parent / "ledger").read_text().count("pay") == 1


async def test_a_tool_that_takes_a_key_is_run_again_with_the_same_one(folder: Path) -> None:
    server = serve(folder)
    call = Caller(server.url)
    await call.dial()
    await said(call)
    call.type("book two seats")
    await noted(folder, "book")
    kill(server)
    again = serve(folder)
    async with Caller(again.url, token=call.back) as back:
        assert await said(back) == "The tool says 2 booked"
    call.vanish()
    again.stop()
    keys = [line for line in (folder.parent / "ledger").read_text().splitlines() if "book" in line]
    assert len(keys) == 2 and keys[0] == keys[1]


async def test_who_asks_to_stop_ends_calls_and_who_deploys_keeps_them(folder: Path) -> None:
    for how, resumed in ((signal.SIGINT, False), (signal.SIGTERM, True)):
        server = serve(folder)
        call = Caller(server.url)
        await call.dial()
        await said(call)
        kill(server, how)
        again = serve(folder)
        back = Caller(again.url, token=call.back)
        try:
            await back.dial()
            await back.wait_for("session.created")
            assert resumed
        except Exception as error:
            assert not resumed and "404" in str(error), error
        await back.hang_up()
        call.vanish()
        again.stop()


async def test_a_caller_who_vanished_is_waited_for_and_comes_back_to_the_same_sentence(
    folder: Path,
) -> None:
    server = serve(folder)
    url = server.url.replace("http", "ws") + "/v1/realtime?extensions=talkover"
    async with websockets.connect(url) as socket:
        back = socket.response.headers["Talkover-Resume"]
        assert json.loads(await socket.recv())["token"] == back
        await socket.send(json.dumps({
            "type": "conversation.item.create",
            "item": {"type": "message", "role": "user",
                     "content": [{"type": "input_text", "text": "a story"}]}}))  # fmt: skip
        await socket.send('{"type":"response.create"}')
        seen = 0
        while seen < 12:
            seen += json.loads(await socket.recv())["type"] == "talkover.word"
        socket.transport.abort()
    await asyncio.sleep(1)
    async with Caller(server.url, token=back) as call:
        await call.wait_for("talkover.word", 3)
        first = call.of("talkover.word")[0]["text"]
        assert first in "there was a fox. On day 1 it walked".split()
    server.stop()
    log = server.log
    assert log.count("caller gone") == 1 and "Traceback" not in log


@pytest.mark.parametrize("token", ["back_sess_1.x", "back_", "back_sess_1"])
async def test_a_token_that_resumes_nothing_is_told_so(folder: Path, token: str) -> None:
    server = serve(folder)
    with pytest.raises(Exception, match=r"404.*begin a new one"):
        await Caller(server.url, token=token).dial()
    server.stop()


async def test_sessions_are_listed_shown_ended_and_deleted(folder: Path) -> None:
    server = Server(folder, "--state", str(folder / "sessions.db"), "--key", "secret", agent=AGENT)

    def sessions(*arguments: str, token: str = "secret") -> str:
        done = subprocess.run(
            [sys.executable, "-c", "from talkover.cli.main import main; main()", "sessions",
             *arguments, "--url", server.url, "--token", token],
            capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "python"},
        )  # fmt: skip
        return done.stdout + done.stderr

    async with Caller(server.url, token="secret") as call:
        await said(call)
        call.type("thing 1")
        await said(call, 2)
        id = call.of("session.created")[0]["session"]["id"]
        assert f"{id}  live" in await asyncio.to_thread(sessions, "list")
        shown = await asyncio.to_thread(sessions, "show", id)
        assert "user  thing 1" in shown and "assistant  You have said 1 things" in shown
        for token in (call.back, "wrong"):
            refused = await asyncio.to_thread(sessions, "list", token=token)
            assert "key" in refused and id not in refused
        assert f"ended {id}" in await asyncio.to_thread(sessions, "end", id)
        await call.until(lambda: bool(call.of("talkover.ended")))
    call.vanish()
    assert f"{id}  ended" in await asyncio.to_thread(sessions, "list")
    assert f"deleted {id}" in await asyncio.to_thread(sessions, "delete", id)
    assert id not in await asyncio.to_thread(sessions, "list")
    assert "There is no session" in await asyncio.to_thread(sessions, "show", id)
    server.stop()


def again_at(server: Server, folder: Path) -> Server:
    """Another process on the ports of one that is gone."""
    ports = ["--port", server.url.rsplit(":", 1)[1], "--media-port", str(server.media_port)]
    return Server(folder, "--state", str(folder / "sessions.db"), *ports, agent=AGENT)


async def test_the_call_command_comes_back_by_itself_and_hears_its_answer_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(folder)
    calls, printed = list[Caller](), list[str]()

    class Watched(Line):
        def caller(self, **more: Any) -> Caller:
            calls.append(super().caller(**more))
            return calls[-1]

    async def line_with(words: str) -> None:
        async with asyncio.timeout(60):
            while not any(words in text for text in printed):
                printed.extend(capsys.readouterr().out.splitlines())
                await asyncio.sleep(0.05)

    talking = asyncio.create_task(
        one(Watched(server.url), play=None, record=None, text="tell me a story", seconds=60)
    )
    await line_with("you    tell me a story")
    await calls[0].until(lambda: len(calls[0].of("talkover.word")) >= 10, 60)
    kill(server)
    await line_with("cut off; coming back")
    again = await asyncio.to_thread(again_at, server, folder)
    await line_with("back, with the same conversation")
    await line_with("agent  And so it went on.")
    assert await talking is False, "the answer was given to its end"
    again.stop()
    assert sum("tell me a story" in text for text in printed) == 1


@pytest.mark.parametrize("way", ["webrtc", "websocket"])
def test_the_page_goes_on_by_itself_when_its_server_was_killed(folder: Path, way: str) -> None:
    server = serve(folder)
    with b.browsing(server.url, b.silence(folder)) as page:
        if way == "websocket":
            page.evaluate("() => { delete window.RTCPeerConnection }")
        b.call(page)
        for n in (1, 2):
            page.get_by_test_id("text-input").fill(f"thing {n}")
            page.get_by_test_id("send").click()
            b.wait(page, f"() => document.body.textContent.includes('You have said {n} things')")
        b.wait(page, "() => talkover.events.filter(e => e.type === 'talkover.turn').length >= 2")
        b.wait(page, "() => talkover.stage.agentState === 'listening'")
        before = page.get_by_test_id("transcript").inner_text()
        kill(server)
        server = again_at(server, folder)
        b.wait(page, "() => talkover.events.filter(e => e.type === 'session.created').length > 1")
        b.state(page, "live")
        assert "nothing of it was lost" in page.get_by_test_id("notice").inner_text()
        assert page.get_by_test_id("transcript").inner_text() == before
        b.picture(page, f"resumed-{way}")
        page.get_by_test_id("text-input").fill("thing 3")
        page.get_by_test_id("send").click()
        b.wait(page, "() => document.body.textContent.includes('You have said 3 things')")
        b.wait(page, "() => talkover.stage.levels.of('agent') > 0.01")
        page.get_by_test_id("hangup").click()
        b.state(page, "ended")
    server.stop()
