"""A developer sees every event of a call, and sends some of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e import browser as b
from e2e.server import Server
from e2e.test_page_manners import fits, nameless
from e2e.test_page_network import block
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("inspected"))
    yield server
    server.stop()


def inspect(page: Page) -> Locator:
    page.get_by_test_id("settings-button").click()
    page.get_by_test_id("developer").check()
    page.get_by_test_id("settings-close").click()
    page.get_by_test_id("events-button").click()
    return page.get_by_test_id("inspector")


def shown(panel: Locator) -> list[str]:
    return panel.locator(".events code").all_inner_texts()


def test_only_a_developer_is_shown_the_events(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        b.call(page)
        assert page.get_by_test_id("events-button").is_hidden()
        page.keyboard.press("e")
        assert page.get_by_test_id("inspector").is_hidden()
        panel = inspect(page)
        assert panel.is_visible()
        page.evaluate("() => document.activeElement.blur()")
        page.keyboard.press("e")
        assert panel.is_hidden()


def test_events_of_both_ways_are_listed_filtered_and_held(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        panel = inspect(page)
        b.call(page)
        b.event(page, "response.done")
        page.get_by_test_id("text-input").fill("what is twelve times seven")
        page.get_by_test_id("send").click()
        b.event(page, "response.done", 2)
        sent = panel.locator("[data-way=sent] code")
        assert sent.filter(has_text="conversation.item.create").count() == 1
        received = panel.locator("[data-way=received] code")
        assert received.filter(has_text="session.created").count() == 1
        b.picture(page, "inspector")

        panel.get_by_role("button", name="talkover").click()
        assert not any(kind.startswith("talkover.") for kind in shown(panel))
        panel.get_by_label("Filter the events").fill("TWELVE times")
        kinds = shown(panel)
        assert "conversation.item.create" in kinds and "session.created" not in kinds

        panel.get_by_label("Filter the events").fill("")
        b.event(page, "output_audio_buffer.stopped", 2)
        panel.get_by_role("button", name="Pause").click()
        before = shown(panel)
        page.get_by_test_id("text-input").fill("what time is it")
        page.get_by_test_id("send").click()
        b.event(page, "response.done", 3)
        assert shown(panel) == before
        panel.get_by_role("button", name="Go on").click()
        expect(panel.locator(".events code", has_text="response.done")).to_have_count(3)


def test_one_event_is_shown_in_full_with_its_code_by_the_keyboard_alone(
    demo: Server, tmp_path: Path
):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        panel = inspect(page)
        b.call(page)
        b.event(page, "response.done")
        panel.get_by_label("Filter the events").fill("session.created")
        panel.get_by_role("listbox").focus()
        page.keyboard.press("ArrowDown")
        detail = panel.locator(".detail pre")
        assert '"type": "session.created"' in detail.inner_text()
        assert panel.locator("[aria-selected=true]").count() == 1
        panel.get_by_role("button", name="Python").press("Enter")
        assert "@agent.start" in detail.inner_text()
        panel.get_by_role("button", name="JavaScript").press("Enter")
        assert 'event.type === "session.created"' in detail.inner_text()
        panel.get_by_role("listbox").focus()
        page.keyboard.press("Escape")
        assert detail.is_hidden()
        # It was for the panel alone: nothing was interrupted, and the call goes on.
        assert page.evaluate("() => talkover.state") == "live"


def test_what_is_sent_is_answered_and_what_is_wrong_with_it_is_said(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        panel = inspect(page)
        b.call(page)
        b.event(page, "response.done")
        panel.get_by_text("Send an event").click()
        text, send = (
            panel.get_by_label("An event as JSON"),
            panel.get_by_role("button", name="Send"),
        )
        said = panel.get_by_role("status")
        text.fill('{"type": }')
        assert "no JSON" in said.inner_text() and send.is_disabled()
        text.fill('{"kind": "response.create"}')
        assert '"type"' in said.inner_text() and send.is_disabled()
        text.fill('{"type": "response.sing"}')
        send.click()
        expect(said).to_contain_text("The server refuses it")
        panel.get_by_label("Begin with").select_option("conversation.item.create")
        assert "Hello?" in text.input_value()
        text.press("Control+Enter")
        expect(said).to_have_text("Sent.")
        expect(page.get_by_test_id("transcript")).to_contain_text("Hello?")
        assert panel.locator("[data-way=sent] code", has_text="conversation.item.create").count()


def test_sound_over_a_websocket_is_folded_away(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        block(page, "udp", "tcp")
        panel = inspect(page)
        b.call(page)
        b.event(page, "response.done")
        assert not any("audio_buffer.append" in kind for kind in shown(panel))
        panel.get_by_role("button", name="sound").click()
        run = panel.get_by_role("option").filter(has_text="input_audio_buffer.append")
        assert run.locator(".times").first.inner_text().startswith("\u00d7 ")
        assert run.count() < 100


def test_it_fits_any_screen_and_every_control_has_a_name(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        panel = inspect(page)
        b.call(page)
        b.event(page, "response.done")
        panel.get_by_role("option").first.click()
        panel.get_by_text("Send an event").click()
        assert nameless(page) == []
        fits(page, "inspector")
