"""HTTP and WebSocket, against a real server: what clients nobody here wrote would do."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import websockets
from e2e.server import Server, spoken

from talkover.cli.caller import Caller, CallError, read_wav

pytestmark = pytest.mark.e2e


VANISHING = """
from talkover import Agent

agent = Agent("x")

@agent.end
async def over(session, reason):
    print("ended:", reason, flush=True)
"""


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("open"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("locked"), "--key", "k-admin")
    yield server
    server.stop()


def post(url: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, names, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            text, status = response.read().decode(), response.status
    except urllib.error.HTTPError as error:
        text, status = error.read().decode(), error.code
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    b"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n"
    b"a=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 "
    + b":".join([b"AB"] * 32)
    + b"\r\na=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n"
    b"a=rtpmap:111 opus/48000/2\r\n"
)


@pytest.mark.parametrize(
    ("body", "kind", "status", "word"),
    [
        (b"", "application/sdp", 400, "missing"),
        (b"hello", "application/sdp", 400, "SDP"),
        (OFFER.replace(b"m=audio", b"m=video"), "application/sdp", 400, "audio"),
        (OFFER.replace(b"opus/48000/2", b"SPEEX/8000"), "application/sdp", 400, "opus"),
        (b"v=0\r\n" * 20000, "application/sdp", 413, "larger"),
        (b"\xff\xfe\xff", "application/sdp", 400, "UTF-8"),
    ],
)
def test_a_bad_offer_is_refused_in_words(
    open_server: Server, body: bytes, kind: str, status: int, word: str
):
    found, answer = post(f"{open_server.url}/v1/realtime/calls", body, Content_Type=kind)
    assert found == status
    assert word.lower() in answer["error"]["message"].lower()
    for internal in ("str0m", "RtcError", "Traceback", "panick"):
        assert internal not in answer["error"]["message"]


def test_a_foreign_page_may_not_call_a_server_without_a_key(open_server: Server):
    status, answer = post(
        f"{open_server.url}/v1/realtime/calls", b"v=0", Origin="https://evil.example"
    )
    assert (status, answer["error"]["code"]) == (403, "origin_not_allowed")
    status, _ = post(f"{open_server.url}/v1/realtime/calls", b"v=0", Host="evil.example")
    assert status == 403


def test_health_page_and_what_is_not_there(open_server: Server):
    assert json.loads(open_server.get("/healthz")) == {"status": "ok"}
    assert json.loads(open_server.get("/readyz"))["ready"]
    assert b"Talkover" in open_server.get("/")
    assert post(f"{open_server.url}/v1/realtime/calls/rtc_x/hangup")[0] == 404
    with pytest.raises(urllib.error.HTTPError) as missing:
        open_server.get("/../../pyproject.toml")
    assert missing.value.code == 404


def test_a_backend_mints_a_secret_and_a_client_calls_with_it(locked: Server):
    url = f"{locked.url}/v1/realtime/client_secrets"
    assert post(url)[0] == 401
    assert post(url, Authorization="Bearer wrong")[0] == 401
    body = json.dumps({"expires_after": {"anchor": "created_at", "seconds": 5}}).encode()
    assert post(url, body, Authorization="Bearer k-admin")[0] == 400
    body = json.dumps({"user": "ada", "max_uses": 1, "session": {"instructions": "Hi"}}).encode()
    status, minted = post(url, body, Authorization="Bearer k-admin")
    assert status == 200 and minted["value"].startswith("ek_")
    assert minted["session"]["instructions"] == "Hi"
    assert post(url, body, Authorization=f"Bearer {minted['value']}")[0] == 403

    async def call() -> None:
        async with Caller(locked.url, token=minted["value"]) as caller:
            created = await caller.wait_for("session.created")
            assert created["session"]["instructions"] == "Hi"
        with pytest.raises(CallError, match="used up"):
            await Caller(locked.url, token=minted["value"]).dial()
        with pytest.raises(CallError, match="401"):
            await Caller(locked.url).dial()

    asyncio.run(call())


async def test_a_socket_without_the_key_is_refused(locked: Server):
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(locked.url.replace("http", "ws") + "/v1/realtime?model=x")
    assert refused.value.response.status_code == 401


async def test_the_openai_package_talks_text_and_sound(open_server: Server):
    client = openai.AsyncOpenAI(api_key="unused", base_url=f"{open_server.url}/v1")
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "what is three plus four"}],
            }
        )
        await connection.response.create()
        text = ""
        async for event in connection:
            assert event.type != "error", event
            if event.type == "response.output_text.done":
                text = event.text
            if event.type == "response.done" and text:
                break
        assert text == "Three plus four is seven."


async def test_the_openai_package_speaks_and_is_answered(open_server: Server, tmp_path: Any):
    client = openai.AsyncOpenAI(api_key="unused", base_url=f"{open_server.url}/v1")
    pcm, rate = read_wav(spoken("what time is it", tmp_path))
    sound = at_24k(pcm, rate) + bytes(48000)
    kinds: list[str] = []
    heard = bytearray()
    async with client.realtime.connect(model="gpt-realtime") as connection:
        async for event in connection:
            kinds.append(event.type)
            if event.type == "response.done" and kinds.count("response.done") == 1:
                for at in range(0, len(sound), 4800):
                    piece = base64.b64encode(sound[at : at + 4800]).decode()
                    await connection.input_audio_buffer.append(audio=piece)
            if event.type == "response.output_audio.delta" and kinds.count("response.done") == 1:
                heard += base64.b64decode(event.delta)
            if event.type == "response.done" and kinds.count("response.done") == 2:
                assert event.response.output is not None
                break
    assert kinds[0] == "session.created"
    assert len(heard) > 24000
    order = [kind for kind in kinds if kind.startswith("input_audio_buffer")]
    assert order == [
        f"input_audio_buffer.{k}" for k in ("speech_started", "speech_stopped", "committed")
    ]


async def test_audio_of_odd_length_is_refused_with_its_event_id(open_server: Server):
    url = open_server.url.replace("http", "ws") + "/v1/realtime?model=x"
    async with websockets.connect(url) as socket:
        event = {"type": "input_audio_buffer.append", "audio": "AAAA", "event_id": "odd"}
        await socket.send(json.dumps(event))
        await socket.send(json.dumps({"type": "input_audio_buffer.commit", "event_id": "none"}))
        errors: list[Any] = []
        while len(errors) < 2:
            event = json.loads(await asyncio.wait_for(socket.recv(), 10))
            if event["type"] == "error":
                errors.append(event["error"])
    assert [error["event_id"] for error in errors] == ["odd", "none"]
    assert errors[1]["code"] == "input_audio_buffer_commit_empty"


def test_what_a_backend_asks_wrongly_is_named(locked: Server):
    url = f"{locked.url}/v1/realtime/client_secrets"
    for body in ({"max_uses": "one"}, {"max_uses": 0}, {"user": 7}, {"agent": []}):
        text = json.dumps(body).encode()
        status, answer = post(url, text, Authorization="Bearer k-admin")
        assert (status, answer["error"]["param"]) == (400, next(iter(body)))


async def test_a_secret_reaches_its_own_call_only(locked: Server):
    url = f"{locked.url}/v1/realtime/client_secrets"

    async def minted() -> str:
        answer = await asyncio.to_thread(post, url, b"{}", Authorization="Bearer k-admin")
        return answer[1]["value"]

    mine, other = await minted(), await minted()
    async with Caller(locked.url, token=mine) as call:
        for path in ("/hangup", "?"):
            status, answer = await asyncio.to_thread(
                post, f"{call.location}{path}".rstrip("?"), Authorization=f"Bearer {other}"
            )
            assert status in (403, 405), answer
        socket = locked.url.replace("http", "ws") + (
            f"/v1/realtime?call_id={call.location.rsplit('/', 1)[1]}"
        )
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with websockets.connect(
                socket, additional_headers={"Authorization": f"Bearer {other}"}
            ):
                pass
        assert refused.value.response.status_code == 403
        call.type("hello")
        await call.wait_for("response.done")


async def test_a_secret_is_not_spent_on_a_call_that_failed(locked: Server):
    url = f"{locked.url}/v1/realtime/client_secrets"
    body = json.dumps({"max_uses": 1}).encode()
    _, minted = await asyncio.to_thread(post, url, body, Authorization="Bearer k-admin")
    secret = f"Bearer {minted['value']}"
    calls = f"{locked.url}/v1/realtime/calls"
    bad, _ = await asyncio.to_thread(post, calls, b"v=0", Authorization=secret)
    assert bad == 400
    async with Caller(locked.url, token=minted["value"]) as call:
        await call.wait_for("session.created")
    status, answer = await asyncio.to_thread(post, calls, OFFER, Authorization=secret)
    assert (status, answer["error"]["code"]) == (401, "invalid_api_key")


async def test_a_caller_who_vanishes_is_freed_within_twenty_seconds(
    tmp_path_factory: pytest.TempPathFactory,
):
    folder = tmp_path_factory.mktemp("vanish")
    server = Server(folder, "--resume-seconds", "1", agent=VANISHING)
    try:
        call = Caller(server.url)
        await call.dial()
        await call.wait_for("session.created")
        call.vanish()
        began = asyncio.get_running_loop().time()
        while "ended: timeout" not in server.log:
            assert asyncio.get_running_loop().time() < began + 30
            await asyncio.sleep(0.2)
        assert asyncio.get_running_loop().time() > began + 15
    finally:
        server.stop()


async def test_a_sideband_sees_the_call_and_steers_it(open_server: Server):
    async with Caller(open_server.url) as call:
        await call.wait_for("output_audio_buffer.stopped")
        id = call.location.rsplit("/", 1)[1]
        url = open_server.url.replace("http", "ws") + f"/v1/realtime?call_id={id}"
        async with websockets.connect(url) as socket:
            await socket.send(json.dumps({"type": "response.create"}))
            event = {"type": ""}
            while event["type"] != "response.done":
                event = json.loads(await asyncio.wait_for(socket.recv(), 20))
            await call.wait_for("response.done", 2)


def at_24k(pcm: bytes, rate: int) -> bytes:
    """Linear; good enough to be understood."""
    import numpy as np

    samples = np.frombuffer(pcm, "<i2").astype(float)
    at = np.arange(0, len(samples) - 1, rate / 24000)
    return np.interp(at, np.arange(len(samples)), samples).astype("<i2").tobytes()
