"""The page's manners: keyboard, screen readers, small and large screens, weight."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from e2e import browser as b
from e2e.server import ROOT, Server
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

STATIC = ROOT / "python/talkover/gateway/static"
TOKENS = ROOT / "js/console/src/tokens.css"
MOST_BYTES = 150_000
WIDTHS = [360, 768, 1280, 3840]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("manners"))
    yield server
    server.stop()


@pytest.mark.parametrize("other", ["operate", "index"])
def test_all_that_a_page_transfers_is_small(other: str):
    files = [file for file in STATIC.rglob("*") if file.is_file()]
    assert sum(f.stat().st_size for f in files if not f.name.startswith(other)) <= MOST_BYTES


def test_the_page_loads_nothing_from_elsewhere_and_breaks_no_policy(demo: Server, tmp_path: Path):
    with b.browsing("about:blank", b.silence(tmp_path), ready=False) as page:
        asked: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(demo.url)
        page.get_by_test_id("chip").first.wait_for()
        b.call(page)
        b.event(page, "response.done")
        page.get_by_test_id("hangup").click()
        b.state(page, "ended")
        assert complaints == []
        assert {url for url in asked if not url.startswith(demo.url)} == set()


def test_the_keyboard_map_opens_on_a_question_mark_and_its_keys_work(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        page.keyboard.press("?")
        help_ = page.get_by_test_id("keys-help")
        assert help_.is_visible() and help_.locator("kbd").count() == 8
        b.picture(page, "keys")
        page.keyboard.press("Escape")
        assert help_.is_hidden()
        page.keyboard.press(",")
        assert page.get_by_test_id("settings").is_visible()
        page.keyboard.press("Escape")
        assert page.get_by_test_id("settings").is_hidden()
        page.evaluate("() => document.activeElement.blur()")
        page.keyboard.press(" ")
        b.state(page, "live")
        page.keyboard.press("m")
        assert page.get_by_test_id("mute").get_attribute("aria-pressed") == "true"
        page.keyboard.press("/")
        page.keyboard.type("hm?")
        assert page.get_by_test_id("text-input").input_value() == "hm?"
        assert help_.is_hidden()
        page.evaluate("() => document.activeElement.blur()")
        page.keyboard.press("h")
        b.state(page, "ended")


def test_every_control_has_a_name(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        assert nameless(page) == []
        page.get_by_test_id("settings-button").click()
        page.get_by_test_id("developer").check()
        assert nameless(page) == []
        page.get_by_test_id("settings-close").click()
        b.call(page)
        b.event(page, "response.done")
        assert nameless(page) == []
        page.get_by_test_id("hangup").click()
        b.state(page, "ended")
        assert nameless(page) == []


def test_a_screen_reader_hears_each_line_once_when_it_is_over(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        page.evaluate(
            """() => {
              window.announced = [];
              const region = document.querySelector('[data-testid=announced]');
              new MutationObserver(() => announced.push(region.textContent))
                .observe(region, { childList: true });
            }"""
        )
        b.call(page)
        b.event(page, "output_audio_buffer.stopped")
        page.get_by_test_id("text-input").fill("what is twelve times seven")
        page.get_by_test_id("send").click()
        b.event(page, "output_audio_buffer.stopped", 2)
        b.wait(page, "() => announced.filter(Boolean).length >= 3")
        assert [text.split(":")[0] for text in page.evaluate("() => announced") if text] == [
            "Agent", "You", "Agent",
        ]  # fmt: skip


def test_no_screen_is_too_narrow_or_too_wide(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        fits(page, "idle")
        b.call(page)
        page.get_by_test_id("text-input").fill("set a timer for three seconds")
        page.get_by_test_id("send").click()
        b.event(page, "talkover.tool", 2)
        fits(page, "live")
        page.get_by_test_id("settings-button").click()
        page.get_by_test_id("developer").check()
        fits(page, "settings")
        page.get_by_test_id("settings-close").click()
        page.get_by_test_id("hangup").click()
        b.state(page, "ended")
        fits(page, "over")


def test_the_turn_policy_is_told_during_the_call_and_copied_as_a_file(demo: Server, tmp_path: Path):
    with b.browsing(demo.url, b.silence(tmp_path)) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        b.call(page)
        page.get_by_test_id("settings-button").click()
        page.get_by_test_id("developer").check()
        page.get_by_test_id("end").select_option("silence")
        page.get_by_test_id("silence").fill("800")
        b.event(page, "session.updated", 2)
        detection = (
            "() => talkover.events.findLast(e => e.type === 'session.updated')"
            ".session.audio.input.turn_detection"
        )
        assert page.evaluate(detection)["silence_duration_ms"] == 800
        b.picture(page, "settings")
        page.get_by_test_id("copy-toml").click()
        page.get_by_text("Copied").wait_for()
        assert "silence_ms = 800" in page.evaluate("() => navigator.clipboard.readText()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: str):
    found = re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", TOKENS.read_text())
    half = len(found) // 2
    colours = dict(found[:half] if scheme == "light" else found[half:])
    for ink, ground in [
        ("ink", "paper"), ("muted", "paper"), ("muted", "card"), ("accent", "card"),
        ("accent-ink", "accent"), ("alarm", "alarm-soft"), ("ink", "alarm-soft"),
        ("muted", "overlap"),
    ]:  # fmt: skip
        least = 4.0 if ground == "overlap" else 4.5
        assert contrast(colours[ink], colours[ground]) >= least, (ink, ground)


def fits(page: Page, what: str) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 2160 if width > 2000 else 800})
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{what} at {width} px is {wide} px too wide"
        b.picture(page, f"{what}-{width}")


def nameless(page: Page) -> list[str]:
    """Controls that a screen reader would announce without a name."""
    devtools = page.context.new_cdp_session(page)
    # Playwright does not say what its answers hold.
    send = cast(Any, devtools.send)  # pyright: ignore[reportUnknownMemberType]
    tree = send("Accessibility.getFullAXTree")
    roles = {"button", "textbox", "combobox", "checkbox", "slider", "link", "image", "meter"}
    return [
        str(node)
        for node in tree["nodes"]
        if not node.get("ignored")
        and node.get("role", {}).get("value") in roles
        and not node.get("name", {}).get("value")
    ]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
