"""The Live dialect against a real server: over WebRTC, and what is refused in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import websockets
from e2e.dialler import PATIENCE_S, Dialler
from e2e.server import Server, spoken

from talkover.cli.caller import read_wav

pytestmark = pytest.mark.e2e

KEY = "k-admin"
CONFIG: Any = {"model": "gpt-live-1", "instructions": "x"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("live"), "--key", KEY)
    yield server
    server.stop()


def text(page: Dialler, who: str) -> str:
    return "".join(event["delta"] for event in page.of(f"session.{who}_transcript.delta"))


async def test_a_page_talks_over_webrtc_and_its_backend_beside_it(server: Server, tmp_path: Any):
    client = openai.AsyncOpenAI(api_key=KEY, base_url=f"{server.url}/v1")
    page = Dialler()
    try:
        call = await client.live.create(
            session=CONFIG, transport={"type": "webrtc", "sdp": page.offer}
        )
        await page.accept(call.transport.sdp)
        await page.until(lambda: page.of("session.started"))
        started = page.of("session.started")[0]["session"]
        assert started["id"] == call.session.id
        assert "format" not in started["audio"]
        pcm, rate = read_wav(spoken("what time is it", tmp_path))
        page.peer.play(1, pcm + bytes(2 * rate), rate, [])
        page.peer.release(1)
        await page.until(lambda: "time" in text(page, "input") and page.spoken)
        await page.until(lambda: page.of("session.usage.updated"))
        assert text(page, "output")
        assert not page.of("session.output_audio.delta")
        page.send("session.input_audio.append", audio="AAA=", event_id="no")
        await page.until(lambda: page.of("error"))
        error = page.of("error")[0]["error"]
        assert (error["code"], error["client_event_id"]) == ("invalid_event_for_transport", "no")
        async with client.live.sideband.connect(session_id=call.session.id) as side:
            await side.session.input_audio.mute(event_id="m")
            await page.until(lambda: page.of("session.input_audio.muted"))
            await side.session.close()
            await page.until(lambda: page.closed)
    finally:
        page.media.close()


async def test_a_backend_limits_what_its_page_may_do(server: Server):
    client = openai.AsyncOpenAI(api_key=KEY, base_url=f"{server.url}/v1")
    page = Dialler()
    channel = {"allowed_client_events": ["session.close"], "allowed_server_events": []}
    try:
        call = await client.live.create(
            session=CONFIG | {"client": {"data_channel": channel}},
            transport={"type": "webrtc", "sdp": page.offer},
        )
        await page.accept(call.transport.sdp)
        page.send("session.commentary.append", content="x", delegation_id=None, event_id="c")
        await page.until(lambda: page.of("error"))
        assert page.of("error")[0]["error"]["code"] == "event_not_allowed"
        assert page.of("info")[0]["code"] == "data_channel_permissions"
        assert {event["type"] for event in page.events} == {"info", "error"}
        page.send("session.close")
        await page.until(lambda: page.closed)
    finally:
        page.media.close()


async def test_a_session_that_cannot_start_may_be_put_right(server: Server):
    url = server.url.replace("http", "ws", 1) + "/v1/live/sessions"
    headers = {"Authorization": f"Bearer {KEY}"}
    async with websockets.connect(url, additional_headers=headers) as socket:

        async def error(text: str) -> dict[str, Any]:
            await socket.send(text)
            async with asyncio.timeout(PATIENCE_S):
                event = json.loads(await socket.recv())
            assert event["type"] == "error" and event["event_id"]
            return event["error"]

        assert (await error("hello"))["code"] == "invalid_json"
        early = await error('{"type": "session.input_audio.mute", "event_id": "e"}')
        assert (early["code"], early["client_event_id"]) == ("session_not_started", "e")
        wrong = await error('{"type": "session.start", "session": {}, "event_id": "s"}')
        assert (wrong["param"], wrong["client_event_id"]) == ("session.model", "s")
        voice = {"model": "x", "audio": {"output": {"voice": 5}}}
        wrong = await error(json.dumps({"type": "session.start", "session": voice}))
        assert wrong["param"].startswith("session.audio.output.voice")
        await socket.send(json.dumps({"type": "session.start", "session": CONFIG}))
        assert json.loads(await socket.recv())["type"] == "session.started"


async def test_what_is_not_there_is_said_in_words(server: Server):
    client = openai.AsyncOpenAI(api_key=KEY, base_url=f"{server.url}/v1", max_retries=0)
    with pytest.raises(openai.NotFoundError, match="no such session"):
        await client.live.sessions.hangup("sess_none")
    with pytest.raises(openai.BadRequestError, match="not stored"):
        await client.live.sessions.download_recording("sess_none")
    with pytest.raises(openai.BadRequestError, match="telephone"):
        await client.live.sessions.accept("sess_none", session=CONFIG)
    with pytest.raises(openai.BadRequestError, match=r"transport\.sdp|SDP"):
        await client.live.create(session=CONFIG, transport={"type": "webrtc", "sdp": "hello"})
    with pytest.raises(openai.BadRequestError, match=r"session\.audio\.format|negotiates"):
        await client.live.create(
            session=CONFIG | {"audio": {"format": {"type": "audio/pcm", "rate": 24000}}},
            transport={"type": "webrtc", "sdp": "v=0"},
        )
    stranger = openai.AsyncOpenAI(api_key="wrong", base_url=f"{server.url}/v1", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        await stranger.live.create(session=CONFIG, transport={"type": "webrtc", "sdp": "v=0"})
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with client.live.sideband.connect(session_id="sess_none"):
            pass
    assert refused.value.response.status_code == 404
