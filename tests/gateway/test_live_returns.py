"""A Live session whose client was cut off, or whose server stops: it comes back by its token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from e2e.dialler import Dialler
from gateway.asgi import Socket, post
from starlette.types import ASGIApp

from talkover import Agent, Audio, Turn
from talkover.cluster.sqlite import SqliteLog
from talkover.cluster.sqlite_secrets import SqliteSecrets
from talkover.engines.registry import Choice
from talkover.gateway.app import create_app
from talkover.media.port import MediaPort
from talkover.observe.observatory import Observatory
from talkover.session.lobby import Lobby

PATH = "/v1/live/sessions"
OURS = "extensions=talkover"
FORMAT = {"type": "audio/pcm", "rate": 16000}
START: dict[str, Any] = {"model": "x", "audio": {"format": FORMAT}}

agent = Agent("x", client_may=("instructions", "tools"))
known: list[str] = []
"""What the user had said, each time that the agent was asked."""


@agent.reply
async def reply(turn: Turn):
    known.append(" ".join(m["content"] for m in turn.messages if m["role"] == "user"))
    yield Audio(b"\x10\x10" * 2400)


@asynccontextmanager
async def process(file: Path, name: str) -> AsyncIterator[tuple[ASGIApp, Lobby]]:
    sessions = SqliteLog(file, name)
    lobby = Lobby(MediaPort("127.0.0.1", 0), {"x": agent}, Choice(), sessions)
    app = create_app(lobby, Observatory(lobby), SqliteSecrets(sessions))
    # The agent needs no engine, so that none has to be started.
    lobby.ready = True
    yield app, lobby
    await lobby.close("moved")


def say(leg: Socket | Dialler, text: str) -> None:
    leg.send("response.item.create", item={"type": "message", "role": "user", "content": text})
    leg.send("response.create")


async def goes_on(leg: Socket | Dialler) -> None:
    """The leg is told of the time before it, and the agent knows it."""
    await leg.until(lambda: leg.of("session.started"))
    say(leg, "two")
    await leg.until(lambda: leg.of("session.usage.updated"))
    assert known[-1] == "one two"
    items = [event["item"] for event in leg.of("talkover.item")]
    assert [item["role"] for item in items] == ["user", "assistant"]
    assert items[0]["content"][0]["text"] == "one"


async def begun(app: ASGIApp) -> tuple[Socket, str]:
    """A session over a WebSocket in which something was said, and its token."""
    socket = Socket(app, PATH, query=OURS)
    socket.send("session.start", session=START)
    token = (await socket.wait("talkover.resumable"))["token"]
    say(socket, "one")
    await socket.wait("session.usage.updated")
    return socket, token


async def test_a_broken_socket_comes_back_to_its_session(tmp_path: Path) -> None:
    async with process(tmp_path / "s.db", "a") as (app, lobby):
        first, token = await begun(app)
        first.send("session.input_audio.mute")
        await first.wait("session.input_audio.muted")
        await first.drop()
        (session,) = lobby.sessions
        assert session.absence.is_on
        back = Socket(app, PATH, query=OURS, token=token)
        back.send("session.start", session={"model": "y"}, event_id="again")
        started = await back.wait("session.started")
        assert started["client_event_id"] == "again"
        assert started["session"]["id"] == session.id
        assert started["session"]["audio"]["format"] == FORMAT, "its settings are what they were"
        assert session.mute.on and not session.absence.is_on
        await goes_on(back)
        back.send("session.close")
        await back.until(lambda: back.closed == 1000)


async def test_a_stock_client_that_comes_back_sees_nothing_but_lives_own_events(
    tmp_path: Path,
) -> None:
    async with process(tmp_path / "s.db", "a") as (app, _):
        first, token = await begun(app)
        await first.drop()
        back = Socket(app, PATH, token=token)
        back.send("session.start", session=START)
        say(back, "two")
        await back.until(lambda: back.of("session.usage.updated"))
        assert known[-1] == "one two"
        assert not [event for event in back.events if event["type"].startswith("talkover.")]


async def test_another_process_goes_on_with_the_session_of_one_that_is_gone(
    tmp_path: Path,
) -> None:
    file = tmp_path / "s.db"
    async with process(file, "a") as (app, lobby), process(file, "b") as (other, there):
        first, token = await begun(app)
        first.send("session.input_audio.mute")
        await first.wait("session.input_audio.muted")
        await lobby.sessions[0].sure()
        page = Dialler()
        offer = {"transport": {"type": "webrtc", "sdp": page.offer}}
        status, headers, answer = await post(other, PATH, offer, query=OURS, token=token)
        try:
            assert status == 201 and headers["location"] == f"{PATH}/{answer['session']['id']}"
            await page.accept(answer["transport"]["sdp"])
            started = await page.wait_for("session.started")
            assert started["session"]["id"] == answer["session"]["id"]
            await goes_on(page)
            assert there.sessions[0].mute.on, "who muted a microphone is not heard now"
        finally:
            page.media.close()


@pytest.mark.parametrize("way", ["webrtc", "websocket"])
async def test_a_call_moves_before_its_server_stops(tmp_path: Path, way: str) -> None:
    file = tmp_path / "s.db"
    async with process(file, "a") as (app, lobby), process(file, "b") as (other, _):
        first, token = await begun(app)
        draining = asyncio.create_task(lobby.drain(20))
        await first.wait("talkover.move")
        query = f"{OURS}&waiting=true"
        page, leg = Dialler(), Socket(other, PATH, query=query, token=token)
        second: Socket | Dialler = leg
        if way == "webrtc":
            await leg.drop()
            offer = {"transport": {"type": "webrtc", "sdp": page.offer}}
            _, _, answer = await post(other, PATH, offer, query=query, token=token)
            await page.accept(answer["transport"]["sdp"])
            await page.until(lambda: page.connected)
            second = page
        try:
            say(second, "too early")
            await second.until(lambda: second.of("error"))
            assert "talkover.resume first" in second.of("error")[0]["error"]["message"]
            first.send("talkover.moving")
            assert (await first.wait("talkover.ended"))["how"] == "moved"
            assert first.events[-1]["type"] == "talkover.ended"
            await draining
            second.send("talkover.resume")
            await goes_on(second)
        finally:
            page.media.close()


async def test_a_page_whose_backend_limits_it_stays_limited(tmp_path: Path) -> None:
    channel = {"allowed_client_events": ["session.close"], "allowed_server_events": []}
    async with process(tmp_path / "s.db", "a") as (app, lobby):
        page, back = Dialler(), Dialler()
        made = {
            "session": {"model": "x", "client": {"data_channel": channel}},
            "transport": {"type": "webrtc", "sdp": page.offer},
        }
        _, headers, answer = await post(app, PATH, made, query=OURS)
        token = headers["talkover-resume"]
        await page.accept(answer["transport"]["sdp"])
        await page.wait_for("info")
        refused, _, body = await post(app, "/v1/realtime/calls", {}, token=token)
        assert refused == 403 and PATH in body["error"]["message"]
        page.media.close()
        offer = {"transport": {"type": "webrtc", "sdp": back.offer}}
        try:
            _, _, answer = await post(app, PATH, offer, query=OURS, token=token)
            await back.accept(answer["transport"]["sdp"])
            await back.wait_for("info")
            say(back, "hello")
            assert (await back.wait_for("error"))["error"]["code"] == "event_not_allowed"
            side = Socket(app, f"{PATH}/{answer['session']['id']}/attach", token=token)
            say(side, "hello")
            assert (await side.wait("error"))["error"]["code"] == "event_not_allowed"
            lobby.sessions[0].departure.ask(20)
            await back.wait_for("talkover.move")
            assert {event["type"] for event in back.events} == {"info", "error", "talkover.move"}
        finally:
            back.media.close()


async def test_a_token_that_resumes_nothing_is_told_so(tmp_path: Path) -> None:
    async with process(tmp_path / "s.db", "a") as (app, lobby):
        socket = Socket(app, PATH, token="back_sess_1.x")
        socket.send("session.start", session=START)
        error = (await socket.wait("error"))["error"]
        assert error["code"] == "session_not_found" and "begin a new one" in error["message"]
        await socket.until(lambda: socket.closed == 1008)
        offer = {"transport": {"type": "webrtc", "sdp": "v=0"}}
        status, _, _ = await post(app, PATH, offer, token="back_sess_1.x")
        assert status == 404 and not lobby.sessions
