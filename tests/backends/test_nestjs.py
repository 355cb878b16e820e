"""The NestJS example: mints for who is logged in, is told of the call, and steers it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from backends.rig import AGENT, KEY, SECRET, Program, laid_out, run
from cluster.nats_server import free_port
from e2e.dialogue import said
from e2e.server import Server

from talkover.cli.caller import Caller

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def built(package: Path) -> Path:
    folder = laid_out("nestjs", package)
    run("npm", "run", "--silent", "build", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, int]]:
    """And the port that its webhooks go to."""
    port = free_port()
    made = Server(
        tmp_path_factory.mktemp("served"), "--key", KEY,
        "--webhook", f"http://127.0.0.1:{port}/webhooks",
        agent=AGENT, environment={"TALKOVER_WEBHOOK_SECRET": SECRET},
    )  # fmt: skip
    yield made, port
    made.stop()


@pytest.fixture(scope="module")
def backend(built: Path, server: tuple[Server, int], tmp_path_factory: pytest.TempPathFactory):
    talkover, port = server
    made = Program(
        "node", "dist/main.js", cwd=built, log=tmp_path_factory.mktemp("nest") / "log",
        PORT=str(port), TALKOVER_URL=talkover.url, TALKOVER_KEY=KEY, TALKOVER_WEBHOOK_SECRET=SECRET,
    )  # fmt: skip
    made.said("listens at")
    yield f"http://127.0.0.1:{port}"
    made.stop()


def post(url: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


async def test_an_order_that_the_caller_names_is_known_to_the_agent(
    backend: str, server: tuple[Server, int]
) -> None:
    status, body = post(f"{backend}/token", Cookie="session=cookie-of-ada")
    assert status == 201, body
    async with Caller(server[0].url, token=json.loads(body)["value"]) as call:
        call.type("hello")
        assert await said(call) == "Let me see, ada."
        call.type("Where is my order 4711?")
        await call.until(lambda: "was shipped on Tuesday" in " ".join(answers(call)))
        call.type("And order 4712?")
        await call.until(lambda: "This caller has no order 4712." in shown(call))


def answers(call: Caller) -> list[str]:
    return [event["transcript"] for event in call.of("response.output_audio_transcript.done")]


def shown(call: Caller) -> list[str]:
    """The words of messages that came into the conversation."""
    items = [event["item"] for event in call.of("conversation.item.done")]
    return [part.get("text", "") for item in items for part in item.get("content", [])]


def test_who_is_not_logged_in_gets_no_secret(backend: str) -> None:
    for cookie in ("", "session=nobody", "session=constructor"):
        assert post(f"{backend}/token", Cookie=cookie)[0] == 401


def test_a_message_that_was_not_signed_is_refused(backend: str) -> None:
    body = b'{"type": "call.started", "data": {"call_id": "rtc_1", "user": "ada"}}'
    assert post(f"{backend}/webhooks", body)[0] == 400
    forged = {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
    assert post(f"{backend}/webhooks", body, **forged)[0] == 400
