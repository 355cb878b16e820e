"""The metrics and the log of a real server, after a real call."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import websockets
from e2e.server import Server
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.e2e

KEY = {"Authorization": "Bearer k-admin"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("metrics"), "--key", "k-admin")
    yield server
    server.stop()


def scrape(server: Server, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"{server.url}/metrics", None, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def figures(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(f" {v}" for v in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def answered(event: dict[str, Any]) -> bool:
    return event["type"] == "response.done" and event["response"]["status"] == "completed"


def mint(server: Server) -> str:
    request = urllib.request.Request(f"{server.url}/v1/realtime/client_secrets", b"{}", KEY)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)["value"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_metrics_need_the_servers_key(locked: Server, headers: dict[str, str]):
    status, body = scrape(locked, **headers)
    assert status == 401 and json.loads(body)["error"]["code"] == "invalid_api_key"


def test_a_client_secret_reads_no_metrics(locked: Server):
    status, body = scrape(locked, Authorization=f"Bearer {mint(locked)}")
    assert status == 403 and "server's key" in json.loads(body)["error"]["message"]


def test_a_token_to_come_back_with_reads_no_metrics(locked: Server):
    assert scrape(locked, Authorization="Bearer back_sess_1.x")[0] == 403


def test_without_a_key_no_other_website_reads_them(tmp_path_factory: pytest.TempPathFactory):
    server = Server(tmp_path_factory.mktemp("open"))
    assert scrape(server)[0] == 200
    assert scrape(server, Origin="https://elsewhere.example")[0] == 403
    assert scrape(server, Host="elsewhere.example")[0] == 403
    server.stop()


async def test_a_call_is_counted_and_its_turn_logged_without_what_was_said(locked: Server):
    before = figures(scrape(locked, **KEY)[1])
    url = locked.url.replace("http", "ws") + "/v1/realtime?extensions=talkover"
    async with websockets.connect(url, additional_headers=KEY) as socket:
        item = {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "What is twelve times seven?"}]}  # fmt: skip
        await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
        await socket.send(json.dumps({"type": "response.create"}))
        # The greeting gives way to what is asked.
        while not answered(json.loads(await socket.recv())):
            pass
        during = figures(scrape(locked, **KEY)[1])
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(url, additional_headers={"Authorization": "Bearer wrong"})
    after = figures(scrape(locked, **KEY)[1])
    more = {name: after[name] - before[name] for name in after}
    assert during["talkover_calls websocket"] == 1 and after["talkover_calls websocket"] == 0
    assert more["talkover_calls_taken_total websocket"] == 1
    assert sum(n for name, n in more.items() if name.startswith("talkover_calls_ended")) == 1
    assert more["talkover_calls_refused_total unauthorized"] == 1
    assert more["talkover_turn_silence_seconds_count"] >= 1
    assert more["talkover_loop_lag_seconds_count"] >= 1
    turns = [line for line in locked.log.splitlines() if "reply=resp_" in line]
    assert any(re.search(r"total_ms=\d+", line) and "completed" in line for line in turns), turns
    assert "twelve" not in locked.log.lower()
