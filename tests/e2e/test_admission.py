"""Who gets in where there is not room for all, against a real server over real sockets."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import websockets
from cli.process import until
from e2e.server import Server
from e2e.test_gateway import OFFER, post

from talkover.cli.caller import Caller, CallError

pytestmark = pytest.mark.e2e

CALLS = "/v1/realtime/calls"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str
    seconds: float

    @property
    def error(self) -> dict[str, Any]:
        return json.loads(self.body)["error"]


async def ask(url: str, path: str, body: bytes | None, length: int | None = None) -> Answer:
    """POST an offer of `length`; without a body only the headers are sent."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    length = len(body or b"") if length is None else length
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {length}\r\nConnection: close\r\n\r\n".encode()
        + (body or b"")
    )
    began = time.monotonic()
    try:
        async with asyncio.timeout(60):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            named = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            text = await reader.readexactly(int(named["content-length"]))
    finally:
        writer.close()
    return Answer(int(head[0].split()[1]), named, text.decode(), time.monotonic() - began)


async def test_of_a_thousand_who_call_at_once_exactly_as_many_get_in_as_there_is_room_for(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path, "--most-calls", "100")
    try:
        # A tenth is for those who come back.
        answers = await asyncio.gather(*(ask(server.url, CALLS, OFFER) for _ in range(1000)))
        assert Counter(answer.status for answer in answers) == {201: 90, 503: 910}
        for answer in answers:
            if answer.status == 503:
                assert 1 <= int(answer.headers["retry-after"]) <= 5
                assert answer.error["code"] == "server_overloaded"
                assert answer.error["type"] == "server_error"
                assert "try again" in answer.error["message"]
        assert json.loads(server.get("/readyz"))["room"] == 0
        admitted = [answer for answer in answers if answer.status == 201]
        for answer in admitted[:3]:
            assert post(f"{server.url}{answer.headers['location']}/hangup")[0] == 200
        again = await asyncio.gather(*(ask(server.url, CALLS, OFFER) for _ in range(10)))
        assert Counter(answer.status for answer in again) == {201: 3, 503: 7}
    finally:
        server.stop()


async def test_who_is_refused_need_not_send_more_than_the_headers(tmp_path: Path) -> None:
    server = Server(tmp_path, "--most-calls", "1")
    try:
        assert (await ask(server.url, CALLS, OFFER)).status == 201
        for path in (CALLS, "/v1/realtime"):
            refused = await ask(server.url, path, None, length=10_000)
            assert (refused.status, refused.error["code"]) == (503, "server_overloaded")
            assert refused.seconds < 5
        with pytest.raises(websockets.InvalidStatus) as socket:
            await websockets.connect(server.url.replace("http", "ws") + "/v1/realtime?model=x")
        response = socket.value.response
        assert response.status_code == 503 and 1 <= int(response.headers["Retry-After"]) <= 5
        assert json.loads(response.body)["error"]["code"] == "server_overloaded"
    finally:
        server.stop()


async def test_a_place_that_is_kept_for_an_offer_comes_free_when_none_comes(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path, "--most-calls", "1")
    try:
        slow = asyncio.create_task(ask(server.url, CALLS, None, length=len(OFFER)))
        await asyncio.to_thread(until, lambda: not json.loads(server.get("/readyz"))["room"])
        assert (await ask(server.url, CALLS, OFFER)).status == 503
        late = await slow
        assert late.status == 408 and "10 s" in late.error["message"]
        assert (await ask(server.url, CALLS, b"no offer")).status == 400
        assert (await ask(server.url, CALLS, OFFER)).status == 201
    finally:
        server.stop()


async def test_a_secret_has_so_many_calls_at_a_time_and_so_long_each(tmp_path: Path) -> None:
    server = Server(tmp_path, "--key", "k", "--most-calls-per-secret", "2")
    try:
        url, key = f"{server.url}/v1/realtime/client_secrets", "Bearer k"
        for wrong in ({"max_calls": 0}, {"max_seconds": "9"}, {"max_idle_seconds": True}):
            status, answer = post(url, json.dumps(wrong).encode(), Authorization=key)
            assert status == 400 and answer["error"]["param"] == next(iter(wrong))

        def mint(**limits: int) -> str:
            return post(url, json.dumps(limits).encode(), Authorization=key)[1]["value"]

        usual, own = mint(), mint(max_calls=1, max_seconds=2)
        async with Caller(server.url, token=usual), Caller(server.url, token=usual):
            with pytest.raises(CallError, match="2 live calls"):
                await Caller(server.url, token=usual).dial()
        async with Caller(server.url, token=own) as call:
            headers = {"Authorization": f"Bearer {own}", "Content_Type": "application/sdp"}
            status, answer = post(f"{server.url}{CALLS}", OFFER, **headers)
            assert (status, answer["error"]["code"]) == (429, "rate_limit_exceeded")
            told = await call.wait_for("error")
            assert told["error"]["code"] == "session_expired"
            assert "longest time of 2 s" in told["error"]["message"]
            assert "longest time" in (await call.wait_for("talkover.ended"))["reason"]
    finally:
        server.stop()


async def test_a_call_in_which_nobody_says_anything_ends_and_says_so(tmp_path: Path) -> None:
    server = Server(tmp_path, "--idle-seconds", "3")
    try:
        async with Caller(server.url) as call:
            await call.wait_for("output_audio_buffer.stopped")
            call.type("what time is it")
            spoken = await call.wait_for("output_audio_buffer.stopped", 2)
            told = await call.wait_for("error")
            assert told["error"]["code"] == "session_expired"
            assert "nobody said or wrote anything for 3 s" in told["error"]["message"]
            assert spoken
    finally:
        server.stop()
