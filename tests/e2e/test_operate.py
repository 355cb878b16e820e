"""Whoever runs the server sees all its calls at /operate, reads along, listens and steps in."""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from e2e import browser as b
from e2e.server import Server
from e2e.test_page_manners import fits, nameless
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.e2e

PATIENCE_MS = 30_000
AGENT = """
from talkover import Agent, Turn

agent = Agent("x", greeting="Hello, this is the desk.")

@agent.reply
async def reply(turn: Turn):
    whispers = [m["content"] for m in turn.messages if m["role"] == "system"][1:]
    yield f"I was told {whispers[-1]}" if whispers else "Nobody told me anything."
"""
HEARD = """
window.heard = { count: 0, loudest: 0 };
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...when) {
  heard.count++;
  heard.loudest = Math.max(heard.loudest, ...this.buffer.getChannelData(0));
  return start.apply(this, when);
};
"""
"""Sees what is played in a page."""
LEVEL = "Math.max(...talkover.stage.timeline.columns.slice(-25).map(c => c.agent))"
"""How loud the agent was in the last second."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("operated"), "--key", "k-admin", agent=AGENT)
    yield server
    server.stop()


@contextmanager
def calling(server: Server, sound: Path) -> Generator[tuple[Page, Page]]:
    """A page in a call, and an operator's with the key."""
    with b.browsing(f"{server.url}/#key=k-admin", sound) as page:
        b.call(page)
        b.event(page, "output_audio_buffer.stopped")
        try:
            yield page, operator(page, f"{server.url}/operate#key=k-admin")
        finally:
            # A browser that is just gone is waited for, and its call would still be listed.
            page.evaluate("() => talkover.hangUp()")
            b.state(page, "ended")


def operator(page: Page, url: str) -> Page:
    assert page.context.browser is not None
    context = page.context.browser.new_context(
        viewport={"width": 1280, "height": 800}, permissions=["microphone"]
    )
    made = context.new_page()
    made.add_init_script(HEARD)
    made.goto(url)
    made.set_default_timeout(PATIENCE_MS)
    return made


def opened(page: Page) -> Page:
    """The one call that is live is shown."""
    page.get_by_test_id("session").first.click()
    expect(page.get_by_test_id("transcript")).to_contain_text("desk", timeout=PATIENCE_MS)
    return page


def ask(page: Page, text: str) -> None:
    page.get_by_test_id("text-input").fill(text)
    page.get_by_test_id("send").click()


def confirm(page: Page, act: str, text: str | None = None) -> None:
    dialog = page.get_by_test_id("ask")
    if text is not None:
        dialog.get_by_role("textbox").fill(text)
    dialog.get_by_role("button", name=act, exact=True).click()


def deeds(page: Page) -> Locator:
    return page.get_by_test_id("deeds")


def says(where: Locator, text: str) -> None:
    expect(where).to_contain_text(text, timeout=PATIENCE_MS)


def test_the_key_is_asked_for_once_and_a_wrong_one_is_told(server: Server, tmp_path: Path):
    url = f"{server.url}/operate"
    with b.browsing(url, b.silence(tmp_path), ready=False) as page:
        page.get_by_label("Its key").fill("wrong")
        page.keyboard.press("Enter")
        says(page.get_by_test_id("key-form"), "refuses this key")
        assert page.get_by_test_id("calls").is_hidden()
        b.picture(page, "operate-key")
        page.get_by_label("Its key").fill("k-admin")
        page.keyboard.press("Enter")
        says(page.get_by_test_id("nodes"), "room for")
        page.reload()
        says(page.get_by_test_id("nodes"), "room for")
        assert page.evaluate("() => localStorage.length") == 0
        page.get_by_test_id("leave").click()
        page.get_by_label("Its key").wait_for()


def test_a_live_call_is_listed_and_its_address_shows_it_growing(server: Server, tmp_path: Path):
    with calling(server, b.silence(tmp_path)) as (page, other):
        says(other.get_by_test_id("calls"), "live")
        assert other.get_by_test_id("session").count() == 1
        b.picture(other, "operate")
        opened(other)
        assert "#sess_" in other.url and "k-admin" not in other.url
        ask(page, "what have you been told")
        says(other.get_by_test_id("transcript"), "what have you been told")
        says(other.get_by_test_id("transcript"), "Nobody told me anything.")
        says(other.get_by_test_id("inspector"), "response.done")
        # Each answer's silence, and the figures of all.
        other.get_by_test_id("account").first.wait_for()
        b.event(page, "output_audio_buffer.stopped", 2)
        says(other.get_by_test_id("figures"), "p95")
        b.picture(other, "operate-call")
        other.reload()
        says(other.get_by_test_id("transcript"), "Nobody told me anything.")


def test_a_whisper_changes_what_the_agent_says_next(server: Server, tmp_path: Path):
    with calling(server, b.silence(tmp_path)) as (page, other):
        opened(other)
        other.get_by_test_id("whisper").click()
        confirm(other, "Cancel")
        assert "Whispered" not in deeds(other).inner_text()
        other.get_by_test_id("whisper").click()
        confirm(other, "Whisper", "the kitchen closes")
        says(deeds(other), "the kitchen closes”done")
        ask(page, "what have you been told")
        says(page.get_by_test_id("transcript"), "I was told the kitchen closes")


def test_words_are_put_into_the_agents_mouth_in_one_call_and_in_all(server: Server, tmp_path: Path):
    with calling(server, b.silence(tmp_path)) as (page, other):
        opened(other)
        other.get_by_test_id("say").click()
        confirm(other, "Say it", "Please hold.")
        says(page.get_by_test_id("transcript"), "Please hold.")
        other.get_by_test_id("back").click()
        other.get_by_test_id("broadcast").click()
        confirm(other, "Tell them", "We close soon.")
        says(page.get_by_test_id("transcript"), "We close soon.")
        says(deeds(other), "We close soon.”1 call")


def test_both_sides_are_heard_and_the_call_is_taken_over_and_handed_back(
    server: Server, tmp_path: Path
):
    tone = tmp_path / "tone.wav"
    subprocess.run(
        ["sox", "-n", "-r", "48000", "-c", "1", tone, "synth", "90", "sine", "330", "vol", "0.4"],
        check=True,
    )
    with calling(server, tone) as (page, other):
        page.get_by_test_id("mute").click()
        opened(other)
        other.get_by_test_id("listen").click()
        confirm(other, "Listen")
        says(deeds(other), "Listened to")
        ask(page, "what have you been told")
        other.wait_for_function("() => heard.count > 20 && heard.loudest > 0.05")
        b.event(page, "output_audio_buffer.stopped", 2)
        b.wait(page, f"() => {LEVEL} < 0.002")
        other.get_by_test_id("take-over").click()
        confirm(other, "Take over")
        says(other.get_by_test_id("take-over"), "Hand back")
        b.event(page, "talkover.taken_over")
        b.wait(page, f"() => {LEVEL} > 0.02")
        b.picture(other, "operate-taken")
        other.get_by_test_id("take-over").click()
        says(deeds(other), "Handed back")
        b.event(page, "talkover.taken_over", 2)


def test_a_call_is_ended_and_its_words_deleted(server: Server, tmp_path: Path):
    with calling(server, b.silence(tmp_path)) as (page, other):
        opened(other)
        other.get_by_test_id("end").click()
        confirm(other, "End the call")
        b.state(page, "ended")
        says(other.get_by_test_id("room"), "ended: hung up")
        assert other.get_by_test_id("whisper").is_disabled()
        id = other.url.partition("#")[2]
        other.get_by_test_id("delete").click()
        confirm(other, "Delete for good")
        says(deeds(other), "Deleted")
        expect(other.get_by_test_id("room")).to_be_hidden()
        other.get_by_role("button", name="All", exact=True).click()
        other.get_by_test_id("filter").fill(id)
        says(other.locator(".scroll"), "No call has all of these words")


def test_calls_are_sorted_and_filtered_and_the_view_fits(server: Server, tmp_path: Path):
    with calling(server, b.silence(tmp_path)) as (_, other):
        other.get_by_test_id("session").first.wait_for()
        assert nameless(other) == []
        heads = other.locator("[aria-sort]")
        assert heads.count() == 0
        other.get_by_role("button", name="Duration").click()
        assert heads.get_attribute("aria-sort") == "descending"
        other.get_by_role("button", name="Duration").click()
        assert heads.get_attribute("aria-sort") == "ascending"
        other.get_by_test_id("filter").fill("nobody")
        says(other.locator(".scroll"), "No call has all of these words")
        other.get_by_test_id("filter").fill("")
        fits(other, "operate")
        opened(other)
        assert nameless(other) == []
        fits(other, "operate-call")
