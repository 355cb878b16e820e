"""The Next.js example: a route mints, and its page talks to the server itself."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from backends.rig import KEY, Program, laid_out, run
from backends.test_nestjs import post
from cluster.nats_server import free_port
from e2e.browser import browsing, silence
from e2e.server import Server

pytestmark = pytest.mark.e2e

AGENT = """
from talkover import Agent

agent = Agent("You are a shop.", greeting="Welcome to the shop.")

@agent.reply
async def reply(turn):
    yield f"You are {turn.session.user}."
"""


@pytest.fixture(scope="module")
def built(package: Path) -> Path:
    folder = laid_out("nextjs", package)
    run("npm", "run", "--silent", "build", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("served"), "--key", KEY, agent=AGENT)
    yield made
    made.stop()


def started(built: Path, log: Path, url: str) -> tuple[Program, str]:
    """The app, and where it is."""
    port = str(free_port())
    app = Program(
        "node", "node_modules/next/dist/bin/next", "start", "--hostname", "127.0.0.1",
        "--port", port, cwd=built, log=log, TALKOVER_URL=url.rstrip("/"), TALKOVER_KEY=KEY,
    )  # fmt: skip
    app.said(r"Ready in")
    return app, f"http://127.0.0.1:{port}"


def test_the_page_calls_with_what_its_route_minted(
    built: Path, server: Server, tmp_path: Path
) -> None:
    app, url = started(built, tmp_path / "next.log", server.url)
    try:
        with browsing(url, silence(tmp_path), ready=False) as page:
            page.get_by_role("button", name="Talk").click()
            page.get_by_text("Agent: Welcome to the shop.").wait_for(timeout=30_000)
            assert page.get_by_role("status").inner_text() == "live"
            session, *_ = json.loads(_get(server, "/v1/sessions"))["data"]
            assert (session["user"], session["status"]) == ("visitor", "live")
            assert session["transport"] == "udp"
            events = json.dumps({"events": [{"type": "response.create"}]}).encode()
            steered = f"{server.url}/v1/sessions/{session['id']}/events"
            assert post(steered, events, Authorization=f"Bearer {KEY}")[0] == 200
            page.get_by_text("Agent: You are visitor.").wait_for(timeout=30_000)
            page.get_by_role("button", name="Hang up").click()
            page.get_by_text("ended").wait_for(timeout=10_000)
    finally:
        app.stop()


def test_neither_page_nor_scripts_hold_the_key(built: Path) -> None:
    sent = [file for file in (built / ".next/static").rglob("*") if file.is_file()]
    assert any(b"/v1/realtime/calls" in file.read_bytes() for file in sent)
    for file in sent:
        assert not re.search(rb"TALKOVER_KEY|client_secrets", file.read_bytes()), file


def test_a_server_that_is_away_is_told_in_words(built: Path, tmp_path: Path) -> None:
    app, url = started(built, tmp_path / "next.log", f"http://127.0.0.1:{free_port()}")
    try:
        status, body = post(f"{url}/api/token")
        assert (status, json.loads(body)) == (503, {"message": "Nobody can take your call now."})
    finally:
        app.stop()


def _get(server: Server, path: str) -> bytes:
    request = urllib.request.Request(server.url + path, headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()
