"""A call moves between WebSocket and WebRTC, in mid-sentence, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from clients.matrix import Server
from clients.server import KEY, LINE
from e2e.dialler import PATIENCE_S, Dialler
from e2e.test_gateway import OFFER, post

pytestmark = pytest.mark.e2e

HEADERS = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("moves"))
    yield server
    server.stop()
    assert not server.faults, server.log


class Socket:
    """A WebSocket whose events are kept."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket, self.events = socket, list[dict[str, Any]]()
        self._more = asyncio.Event()
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            self.events.append(json.loads(message))
            self._more.set()
        self._more.set()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    async def until(self, true: Any) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self._more.clear()
                await self._more.wait()

    async def wait_for(self, kind: str) -> dict[str, Any]:
        await self.until(lambda: self.of(kind))
        return self.of(kind)[0]

    async def ask(self, text: str) -> None:
        for event in asked(text):
            await self.socket.send(json.dumps(event))

    async def closed(self) -> tuple[int | None, str | None]:
        async with asyncio.timeout(PATIENCE_S):
            await self.reading
        return self.socket.close_code, self.socket.close_reason


def asked(text: str) -> list[dict[str, Any]]:
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return [{"type": "conversation.item.create", "item": item}, {"type": "response.create"}]


@asynccontextmanager
async def socket(server: Server, query: str, key: str = KEY):
    url = server.url.replace("http", "ws", 1) + f"/realtime?extensions=talkover&{query}"
    headers = {"Authorization": f"Bearer {key}"}
    async with websockets.connect(url, additional_headers=headers, max_size=None) as made:
        yield Socket(made)


async def dial(server: Server, query: str = "") -> tuple[Dialler, str]:
    """A connected WebRTC leg, and the id of its call."""
    made = Dialler()
    url = f"{server.url}/realtime/calls?extensions=talkover&{query}"
    status, answer = await asyncio.to_thread(
        post, url, made.offer.encode(), Content_Type="application/sdp", **HEADERS
    )
    assert status == 201, answer
    await made.accept(answer)
    created = await made.wait_for("session.created")
    return made, created["session"]["id"]


def words(events: list[dict[str, Any]]) -> list[int]:
    """Where the words that sounded begin in the reply's text."""
    return [event["start"] for event in events if event["type"] == "talkover.word"]


def goes_on(before: list[int], after: list[int]) -> bool:
    """Whether no word is missing, and none but the one that was cut is said twice."""
    starts = [n for n in range(len(LINE)) if n == 0 or LINE[n - 1] == " "][: len(LINE.split())]
    at = starts.index(before[-1])
    return after[0] in starts[at : at + 2] and after == starts[starts.index(after[0]) :]


async def knows_all(leg: Any) -> None:
    """The second answer on the new leg tells of what was asked on the old one."""
    await leg.until(lambda: len(leg.of("response.done")) == 2)
    output = leg.of("response.done")[1]["response"]["output"]
    said = output[0]["content"][0]["transcript"]
    assert "tell me of the lighthouse / what is our history?" in said


async def test_a_call_goes_on_over_webrtc_at_the_same_word(server: Server):
    async with socket(server, "model=x") as old:
        id = (await old.wait_for("session.created"))["session"]["id"]
        await old.ask("tell me of the lighthouse")
        await old.until(lambda: len(words(old.events)) > 3)
        new, same = await dial(server, f"call_id={id}")
        try:
            assert same == id
            assert await old.closed() == (1000, "the call goes on elsewhere")
            done = await new.wait_for("response.done")
            assert done["response"]["status"] == "completed"
            assert done["response"]["output"][0]["content"][0]["transcript"].strip() == LINE.strip()
            assert goes_on(words(old.events), words(new.events))
            assert not new.of("response.output_audio.delta")
            # SteadyVoice says a character in 65 ms.
            left = len(LINE) - words(new.events)[0]
            assert new.heard_s > left * 0.065 * 0.9
            for event in asked("what is our history?"):
                new.send(event.pop("type"), **event)
            await knows_all(new)
        finally:
            new.media.close()


async def test_a_call_goes_on_over_a_socket_at_the_same_word(server: Server):
    old, id = await dial(server)
    try:
        for event in asked("tell me of the lighthouse"):
            old.send(event.pop("type"), **event)
        await old.until(lambda: len(words(old.events)) > 3)
        async with socket(server, f"call_id={id}&audio=here") as new:
            assert (await new.wait_for("session.created"))["session"]["id"] == id
            await old.until(lambda: old.closed)
            done = await new.wait_for("response.done")
            assert done["response"]["status"] == "completed"
            assert goes_on(words(old.events), words(new.events))
            sound = sum(len(e["delta"]) * 3 // 4 for e in new.of("response.output_audio.delta"))
            left = (len(LINE) - words(new.events)[0]) * 0.065
            assert abs(sound / 48000 - left) < 0.3
            await new.ask("what is our history?")
            await knows_all(new)
    finally:
        old.media.close()


async def test_a_call_that_never_connected_begins_on_a_socket(server: Server):
    """As a client does whose network lets no media through."""
    secret = json.dumps({"max_uses": 1}).encode()
    _, minted = await asyncio.to_thread(
        post, f"{server.url}/realtime/client_secrets", secret, **HEADERS
    )
    key = minted["value"]
    url = f"{server.url}/realtime/calls"
    request = {"Authorization": f"Bearer {key}", "Content_Type": "application/sdp"}
    # Its answer leads nowhere: nobody will come.
    location: list[str] = []

    def offered() -> int:
        import urllib.request

        headers = {name.replace("_", "-"): value for name, value in request.items()}
        with urllib.request.urlopen(urllib.request.Request(url, OFFER, headers)) as response:
            location.append(response.headers["Location"])
            return response.status

    assert await asyncio.to_thread(offered) == 201
    call_id = location[0].rsplit("/", 1)[1]
    async with socket(server, f"call_id={call_id}&audio=here", key) as leg:
        await leg.wait_for("session.created")
        await leg.ask("hello")
        done = await leg.wait_for("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "You said hello."
        assert leg.of("response.output_audio.delta")


async def test_only_who_may_hear_a_call_may_move_it(server: Server):
    async with socket(server, "model=x") as old:
        id = (await old.wait_for("session.created"))["session"]["id"]
        _, minted = await asyncio.to_thread(
            post, f"{server.url}/realtime/client_secrets", b"{}", **HEADERS
        )
        other = minted["value"]
        status, answer = await asyncio.to_thread(
            post, f"{server.url}/realtime/calls?call_id={id}", OFFER,
            Content_Type="application/sdp", Authorization=f"Bearer {other}",
        )  # fmt: skip
        assert (status, answer["error"]["code"]) == (403, "forbidden")
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with socket(server, f"call_id={id}&audio=here", other):
                pass
        assert refused.value.response.status_code == 403
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with socket(server, f"call_id={id}&audio=yes"):
                pass
        assert refused.value.response.status_code == 400
        assert b"here" in (refused.value.response.body or b"")
        status, answer = await asyncio.to_thread(
            post, f"{server.url}/realtime/calls?call_id=rtc_none", OFFER,
            Content_Type="application/sdp", **HEADERS,
        )  # fmt: skip
        assert status == 404
        await old.ask("hello")
        await old.wait_for("response.done")


async def test_a_leg_that_never_comes_changes_nothing(server: Server):
    async with socket(server, "model=x") as leg:
        id = (await leg.wait_for("session.created"))["session"]["id"]
        status, _ = await asyncio.to_thread(
            post, f"{server.url}/realtime/calls?call_id={id}", OFFER,
            Content_Type="application/sdp", **HEADERS,
        )  # fmt: skip
        assert status == 201
        await leg.ask("hello")
        await leg.wait_for("response.done")
        assert leg.of("response.output_audio.delta")
