"""What the page says when a call cannot be, and where it asks before one can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e import browser as b
from e2e.server import Server
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

TWO_AGENTS = """
from talkover import Agent

concierge = Agent("x", greeting="Welcome to the hotel.")
pirate = Agent("x", greeting="Ahoy there.")
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("states"))
    yield server
    server.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    serving = Serve(tmp_path)
    yield serving
    for server in serving.servers:
        server.stop()


class Serve:
    """Starts servers, and stops them after the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: list[Server] = []

    def __call__(self, *arguments: str, agent: str | None = None) -> Server:
        self.servers.append(Server(self.folder, *arguments, agent=agent))
        return self.servers[-1]


def notice(page: Page) -> str:
    return page.get_by_test_id("notice").inner_text()


def told(page: Page, text: str) -> None:
    """Wait until the notice holds a text."""
    b.wait(page, f"() => document.querySelector('.notice').textContent.includes({text!r})")


def test_a_blocked_microphone_is_said_with_its_remedy(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path), allowed=False) as page:
        page.add_init_script(
            "navigator.mediaDevices.getUserMedia = () =>"
            " Promise.reject(new DOMException('no', 'NotAllowedError'))"
        )
        page.reload()
        page.get_by_test_id("start").click()
        b.state(page, "error")
        assert "Allow it" in notice(page)
        assert page.get_by_test_id("start").is_visible()
        b.picture(page, "denied")


def test_a_page_without_https_says_so_before_anybody_clicks(demo: Server, tmp_path: Path):
    port = demo.url.rsplit(":", 1)[1]
    away = "--host-resolver-rules=MAP talkover.test 127.0.0.1"
    with b.browsing(f"http://talkover.test:{port}", b.silence(tmp_path), away) as page:
        told(page, "--tls")
        page.get_by_test_id("start").click()
        b.state(page, "error")
        assert "HTTPS" in notice(page)
        b.picture(page, "no-https")


def test_the_meter_shows_the_microphone_before_the_call(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.microphone(tmp_path, ("one two three four", 0.2))) as page:
        page.get_by_test_id("check-microphone").click()
        meter = "document.querySelector('[data-testid=meter]').ariaValueNow"
        b.wait(page, f"() => Number({meter}) > 30")
        assert page.get_by_test_id("check-microphone").is_hidden()
        b.picture(page, "meter")
        b.call(page)


def test_a_call_that_is_being_made_can_be_given_up(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        page.route("**/v1/realtime/calls?*", lambda route: None)
        page.get_by_test_id("start").click()
        b.state(page, "connecting")
        b.wait(page, "() => talkover.call")
        b.picture(page, "connecting")
        page.get_by_test_id("hangup").click()
        b.state(page, "ended")


def test_a_full_server_is_said(serve: Serve, tmp_path: Path):
    server = serve("--most-calls", "1")
    with b.browsing(server.url, b.silence(tmp_path)) as page:
        b.call(page)
        assert page.context.browser is not None
        other = page.context.browser.new_page()
        other.goto(server.url)
        other.get_by_test_id("start").click()
        b.state(other, "error")
        assert "The server is full." in notice(other)
        b.picture(other, "full")


def test_an_engine_that_is_down_is_named(serve: Serve, tmp_path: Path):
    server = serve("--llm", "http://127.0.0.1:9/v1", "--model", "x")
    with b.browsing(server.url, b.silence(tmp_path)) as page:
        told(page, "An engine is down")
        assert "--llm http://127.0.0.1:9/v1" in notice(page)
        assert page.get_by_test_id("engines").get_by_text("real", exact=True).count() == 1
        b.picture(page, "engine-down")
        b.call(page)
        b.event(page, "error")
        assert "cannot be reached" in b.transcript(page)


def test_an_agent_that_does_not_reload_is_shown_with_file_and_line(serve: Serve, tmp_path: Path):
    server = serve("--reload", agent=TWO_AGENTS)
    with b.browsing(server.url, b.silence(tmp_path)) as page:
        (tmp_path / "agent.py").write_text(TWO_AGENTS + "\nnonsense(\n")
        told(page, "agent.py:7")
        assert "the last good one serves on" in notice(page)
        b.picture(page, "reload")
        (tmp_path / "agent.py").write_text(TWO_AGENTS + "\n")
        b.wait(page, "() => document.querySelector('.notice').hidden")


def test_the_agent_that_was_picked_answers(serve: Serve, tmp_path: Path):
    server = serve(agent=TWO_AGENTS)
    with b.browsing(server.url, b.silence(tmp_path)) as page:
        page.get_by_test_id("agents").locator("select").select_option("pirate")
        b.picture(page, "agents")
        b.call(page)
        b.event(page, "response.done")
        assert "Ahoy there." in b.transcript(page)


def test_a_key_in_the_url_is_used_and_leaves_the_address_bar(serve: Serve, tmp_path: Path):
    server = serve("--key", "sesame")
    with b.browsing(f"{server.url}/#key=sesame", b.silence(tmp_path)) as page:
        assert "sesame" not in page.evaluate("() => location.href")
        assert page.get_by_test_id("key-form").is_hidden()
        b.call(page)
        b.event(page, "response.done")
        assert "sesame" not in page.evaluate("() => JSON.stringify(localStorage)")


def test_a_key_is_asked_for_and_checked_at_once(serve: Serve, tmp_path: Path):
    server = serve("--key", "sesame")
    with b.browsing(server.url, b.silence(tmp_path)) as page:
        assert page.get_by_test_id("start").is_hidden()
        b.picture(page, "key")
        form = page.get_by_test_id("key-form")
        form.locator("input").fill("barley")
        form.locator("button").click()
        form.get_by_text("refuses this key").wait_for()
        form.locator("input").fill("sesame")
        form.locator("button").click()
        form.wait_for(state="hidden")
        b.call(page)
        b.event(page, "response.done")
