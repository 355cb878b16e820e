"""A supervisor hears a live call, whispers, speaks in the agent's place, and hands it back."""

from __future__ import annotations

import asyncio
import base64
import json
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats as nats_py
import pytest
import websockets
from cluster.nats_server import NatsServer
from e2e.dialogue import AGENT, said
from e2e.server import Server, spoken
from e2e.test_cluster import seen, told, typed
from e2e.test_gateway import post

from talkover.cli.caller import Caller
from talkover.cli.wav import read_wav

pytestmark = pytest.mark.e2e
KEY = "k-admin"
BEARER = {"Authorization": f"Bearer {KEY}"}


class Two:
    """Servers `a` and `b` with one NATS and one key."""

    def __init__(self, folder: Path) -> None:
        self.nats = NatsServer(folder)
        self.a, self.b = (self._serve(folder / name) for name in "ab")

    def _serve(self, folder: Path) -> Server:
        folder.mkdir()
        return Server(folder, "--nats", self.nats.url, "--key", KEY, agent=AGENT)

    def stop(self) -> None:
        self.a.stop()
        self.b.stop()
        self.nats.stop()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    made = Two(tmp_path_factory.mktemp("two"))
    yield made
    made.stop()


def listening(server: Server, id: str, key: str = KEY) -> websockets.connect:
    url = f"{server.url.replace('http', 'ws')}/v1/realtime?call_id={id}&audio=listen"
    return websockets.connect(url, additional_headers={"Authorization": f"Bearer {key}"})


async def packets(socket: websockets.ClientConnection, side: str, count: int) -> list[bytes]:
    got: list[bytes] = []
    while len(got) < count:
        event = await seen(socket, "talkover.packet")
        if event["side"] == side:
            got.append(base64.b64decode(event["opus"]))
    return got


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_a_supervisor_listens_takes_over_and_hands_back(
    two: Two, where: str, tmp_path: Path
) -> None:
    async with Caller(f"{two.a.url}/#key={KEY}") as call:
        await said(call)
        session = call.of("session.created")[0]["session"]["id"]
        id = call.location.rpartition("/")[2]
        await told(two.b, session, KEY)
        async with listening(two.a if where == "here" else two.b, id) as socket:
            call.type("tell me a story")
            assert any(len(packet) > 20 for packet in await packets(socket, "agent", 10))
            await socket.send(json.dumps({"type": "talkover.take_over", "on": True}))
            await seen(socket, "talkover.taken_over")
            await call.wait_for("talkover.taken_over")
            before = loud_s(call)
            pcm, rate = read_wav(spoken("this is a human speaking now", tmp_path))
            for piece in pieces(upsampled(pcm, rate)):
                await socket.send(json.dumps(
                    {"type": "input_audio_buffer.append", "audio": base64.b64encode(piece).decode()}
                ))  # fmt: skip
                await asyncio.sleep(0.04)  # a microphone's own pace
            await call.until(lambda: loud_s(call) > before + 0.5)
            call.play_file(spoken("hello human", tmp_path))
            await packets(socket, "user", 10)
        await call.until(lambda: len(call.of("talkover.taken_over")) == 2)
        assert call.of("talkover.taken_over")[1]["on"] is False, "the socket is gone"
    assert "Traceback" not in two.a.log + two.b.log


async def test_only_an_operator_listens(two: Two) -> None:
    async with Caller(f"{two.a.url}/#key={KEY}") as call:
        await said(call)
        id = call.location.rpartition("/")[2]
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with listening(two.a, id, call.back):
                pass
        assert refused.value.response.status_code == 403


async def test_a_broadcast_reaches_the_calls_of_all_servers_that_it_means(two: Two) -> None:
    calls = [Caller(f"{server.url}/#key={KEY}") for server in (two.a, two.b)]
    for call in calls:
        await call.dial()
        await said(call)
    body = {"events": [{"type": "talkover.say", "text": "We close in five minutes."}]}
    status, answer = post(
        f"{two.a.url}/v1/sessions/events", json.dumps(body).encode(), **BEARER
    )  # fmt: skip
    assert (status, answer["sessions"], answer["errors"]) == (200, 2, [])
    for call in calls:
        assert await said(call, 2) == "We close in five minutes."
    for wanted, count in (({"user": "nobody"}, 0), ({"agent": "agent"}, 2)):
        body = {"filter": wanted, "events": [{"type": "no.such", "event_id": "mine"}]}
        status, answer = post(
            f"{two.b.url}/v1/sessions/events", json.dumps(body).encode(), **BEARER
        )  # fmt: skip
        assert (status, answer["sessions"], len(answer["errors"])) == (200, count, count)
    status, answer = post(
        f"{two.a.url}/v1/sessions/events", b'{"filter": {"agnet": 1}, "events": [{}]}', **BEARER
    )  # fmt: skip
    assert status == 400 and "agnet" in answer["error"]["message"]
    for call in calls:
        await call.hang_up()


async def test_who_listens_at_nats_is_told_of_a_call_and_steers_it(two: Two) -> None:
    client = await nats_py.connect(two.nats.url)  # pyright: ignore[reportUnknownMemberType]  untyped options
    heard: list[dict[str, Any]] = []

    async def take(message: Any) -> None:
        heard.append(json.loads(message.data))

    await client.subscribe("talkover.live.*", cb=take)  # pyright: ignore[reportUnknownMemberType]  as above
    async with Caller(f"{two.a.url}/#key={KEY}") as call:
        await said(call)
        session = call.of("session.created")[0]["session"]["id"]
        asked = {"events": [typed("thing 1"), {"type": "response.create"}, {"type": "no.such"}]}
        answered = await client.request(
            f"talkover.steer.{session}", json.dumps(asked).encode(), timeout=10
        )
        (error,) = json.loads(answered.data)["errors"]
        assert error["code"] == "invalid_value"
        assert await said(call, 2) == "You have said 1 things, I was asked 1 times."
        answered = await client.request(f"talkover.steer.{session}", b"[", timeout=10)
        assert json.loads(answered.data)["errors"]
    async with asyncio.timeout(20):
        while not any(e["type"] == "talkover.ended" for m in heard for e in m["events"]):  # noqa: ASYNC110 - it is told in its own time
            await asyncio.sleep(0.05)
    kinds = [event["type"] for message in heard for event in message["events"]]
    assert {"session.created", "response.done", "talkover.word"} <= set(kinds)
    numbers = [message["number"] for message in heard]
    assert numbers == sorted(numbers)
    await client.close()


def loud_s(call: Caller) -> float:
    """How long the caller heard something, seconds."""
    return sum(abs(level) > 300 for level in array("h", bytes(call.sound.pcm))) / 16000


def upsampled(pcm: bytes, rate: int) -> bytes:
    """16 kHz to 24 kHz, by the nearest sample: good enough to be heard."""
    assert rate == 16000
    return b"".join(pcm[n // 3 * 2 * 2 :][:2] for n in range(len(pcm) // 2 * 3 // 2))


def pieces(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + 1920] for at in range(0, len(pcm), 1920)]
