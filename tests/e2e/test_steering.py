"""A live call that its operator steers over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from e2e.dialogue import AGENT, said
from e2e.server import Server
from e2e.test_gateway import post

from talkover.cli.caller import Caller

pytestmark = pytest.mark.e2e
KEY = {"Authorization": "Bearer k-admin"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("steered") / "a"
    folder.mkdir()
    server = Server(folder, "--key", "k-admin", agent=AGENT)
    yield server
    server.stop()


def steered(server: Server, id: str, *events: dict[str, Any]) -> tuple[int, Any]:
    body = json.dumps({"events": events}).encode()
    return post(f"{server.url}/v1/sessions/{id}/events", body, **KEY)


async def test_what_an_operator_writes_into_a_call_is_answered_there(server: Server) -> None:
    async with Caller(f"{server.url}/#key=k-admin") as call:
        await said(call)
        item = {
            "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}],
        }  # fmt: skip
        status, told = steered(
            server, call.of("session.created")[0]["session"]["id"],
            {"type": "conversation.item.create", "item": item},
            {"type": "response.create"},
            {"type": "response.cancel", "response_id": "none", "event_id": "mine"},
        )  # fmt: skip
        assert status == 200
        assert [one["event_id"] for one in told["errors"]] == ["mine"]
        assert await said(call, 2) == "You have said 1 things, I was asked 1 times."


@pytest.mark.parametrize("body", [b"{}", b'{"events": []}', b'{"events": ["x"]}', b"[", b"[]"])
def test_a_bad_list_of_events_is_refused(server: Server, body: bytes) -> None:
    status, told = post(f"{server.url}/v1/sessions/sess_x/events", body, **KEY)
    assert status in (400, 404) and told["error"]["message"]


async def test_only_the_operator_steers(server: Server) -> None:
    assert post(f"{server.url}/v1/sessions/sess_x/events", b"{}")[0] == 401
    status, minted = post(f"{server.url}/v1/realtime/client_secrets", b"{}", **KEY)
    assert status == 200
    bearer = f"Bearer {minted['value']}"
    assert post(f"{server.url}/v1/sessions/x/events", b"{}", Authorization=bearer)[0] == 403
    assert steered(server, "sess_x", {"type": "response.create"})[0] == 404
