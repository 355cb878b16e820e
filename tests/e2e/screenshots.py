"""Pictures of the page's states, from real calls to a real server: `make screenshots`."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from e2e import browser as b
from e2e.server import ROOT, Server
from playwright.sync_api import Page, Route

FOLDER = ROOT / "docs/screenshots"
MOST_BYTES = 200_000
MOST_TAKES = 3
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}}
UNDERSTOOD = "() => talkover.events.some(e => /transcription.completed/.test(e.type))"
HEARD = "() => talkover.events.some(e => /transcription.completed|buffer.cleared/.test(e.type))"
CUT = "() => talkover.stage.timeline.episodes.some(e => e.steps.at(-1).what === 'cut')"
MURMURED = """() => {
  const [murmur, question] = talkover.stage.timeline.episodes.map(e => e.steps.at(-1).what);
  return ['resume', 'mm-hm'].includes(murmur) && question === 'cut';
}"""
WELL_HEARD = "() => innerWidth < 700 || /what day/.test(talkover.view.list.textContent)"
ANSWERED = """() => {
  const cut = talkover.stage.timeline.episodes.at(-1).steps.at(-1).at;
  const answers = talkover.stage.agentState === 'speaking';
  return talkover.stage.now - cut > (innerWidth < 700 ? 1200 : answers ? 2600 : 4000);
}"""
AGENTS = """
from talkover import Agent

concierge = Agent("x", greeting="Welcome.")
pirate = Agent("x", greeting="Ahoy.")
"""


def shot(page: Page, name: str) -> None:
    page.evaluate("() => document.fonts.ready")
    page.screenshot(path=FOLDER / f"{name}.png")
    print(f"{name}.png", file=sys.stderr)


class Studio:
    """A folder for servers and sounds; all that it started ends with it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.quiet = b.silence(folder)
        self.demo = self.serve()

    def serve(self, *arguments: str, agent: str | None = None) -> Server:
        server = Server(Path(tempfile.mkdtemp(dir=self.folder)), *arguments, agent=agent)
        self._stack.callback(server.stop)
        return server

    def page(self, url: str = "", *arguments: str, sound: Path | None = None, **how: Any):
        return b.browsing(url or self.demo.url, sound or self.quiet, *arguments, **how)


def ask(page: Page, text: str) -> None:
    page.get_by_test_id("text-input").fill(text)
    page.keyboard.press("Enter")
    page.evaluate("() => document.activeElement.blur()")


def told(page: Page, text: str) -> None:
    b.wait(page, f"() => document.querySelector('.notice').textContent.includes({text!r})")


def unanswered(_: Route) -> None:
    pass


def before(studio: Studio) -> None:
    with studio.page() as page:
        shot(page, "before")
    with studio.page(dark=True) as page:
        shot(page, "before-dark")
    with studio.page(width=390, height=844) as page:
        shot(page, "before-phone")


def talking(studio: Studio, name: str, **how: Any) -> None:
    """A story is talked over twice: a murmur does not stop it, a question does."""
    sound = b.microphone(
        studio.folder,
        ("what time is it", 5.5),
        ("okay", 9.5),
        ("wait, what day is it", 2.4),
        voice="slt",
    )
    taken = False
    for _ in range(MOST_TAKES):
        with studio.page(sound=sound, **how) as page:
            if spoken_over(page):
                taken = True
                shot(page, name)
                if page.evaluate(WELL_HEARD):
                    return
        print("the demo's ear misunderstood; once more", file=sys.stderr)
    if not taken:
        raise SystemExit(f"{name}: the demo's ear misunderstood {MOST_TAKES} calls")


def spoken_over(page: Page) -> bool:
    b.call(page)
    b.wait(page, HEARD)
    if not page.evaluate(UNDERSTOOD):
        return False
    b.event(page, "response.done", 2)
    ask(page, "tell me a story")
    b.wait(page, CUT)
    if not page.evaluate(MURMURED):
        return False
    b.wait(page, ANSWERED)
    return True


def in_the_call(studio: Studio) -> None:
    with studio.page() as page:
        page.route("**/v1/realtime/calls?*", unanswered)
        page.get_by_test_id("start").click()
        b.state(page, "connecting")
        shot(page, "connecting")
    with studio.page() as page:
        b.call(page)
        b.event(page, "response.done")
        ask(page, "set a timer for three seconds")
        b.event(page, "response.done", 3)
        page.get_by_test_id("tool").locator("summary").click()
        shot(page, "tool")
        ask(page, "tell me a story")
        b.event(page, "talkover.word", 30)
        shot(page, "speaking")
        page.get_by_test_id("settings-button").click()
        page.get_by_test_id("developer").check()
        shot(page, "settings")
        page.get_by_test_id("settings-close").click()
        page.get_by_test_id("keys-button").click()
        shot(page, "keys")
        page.keyboard.press("Escape")
        page.get_by_test_id("hangup").click()
        b.state(page, "ended")
        shot(page, "ended")


def inspected(studio: Studio, name: str, **how: Any) -> None:
    with studio.page(**how) as page:
        page.get_by_test_id("settings-button").click()
        page.get_by_test_id("developer").check()
        page.get_by_test_id("settings-close").click()
        b.call(page)
        b.event(page, "response.done")
        ask(page, "set a timer for three seconds")
        b.event(page, "output_audio_buffer.stopped", 3)
        page.get_by_test_id("events-button").click()
        panel = page.get_by_test_id("inspector")
        panel.locator(".events li", has_text="talkover.tool").last.click()
        panel.get_by_role("button", name="Python").click()
        shot(page, name)


def operated(studio: Studio) -> None:
    """Some calls, one of them with a story, and whoever looks after them."""
    server = studio.serve("--key", "sesame", agent=AGENTS)
    with studio.page(f"{server.url}/operate", ready=False) as page:
        page.get_by_label("Its key").fill("open")
        page.keyboard.press("Enter")
        page.get_by_test_id("key-form").get_by_text("refuses this key").wait_for()
        shot(page, "operate-key")
    with studio.page(f"{server.url}/#key=sesame") as page:
        others: list[Page] = []
        for n in range(3):
            browser = page.context.browser
            assert browser is not None
            other = browser.new_page(viewport={"width": 1280, "height": 800})
            other.goto(f"{server.url}/#key=sesame")
            other.get_by_test_id("chip").first.wait_for()
            other.locator("[data-id=agent]").select_option("pirate" if n else "concierge")
            b.call(other)
            others.append(other)
        others[-1].get_by_test_id("hangup").click()
        first = others[0]
        b.event(first, "response.done")
        ask(first, "what time is it")
        b.event(first, "response.done", 2)
        looks: list[tuple[str, dict[str, Any]]] = [
            ("operate", {}), ("operate-dark", {"color_scheme": "dark"}), ("operate-phone", PHONE),
        ]  # fmt: skip
        for name, how in looks:
            assert page.context.browser is not None
            context = page.context.browser.new_context(**{**DESK, **how})
            one = context.new_page()
            operate(one, first, server, name)
            context.close()


def operate(page: Page, caller: Page, server: Server, name: str) -> None:
    page.goto(f"{server.url}/operate#key=sesame")
    page.get_by_role("button", name="All", exact=True).click()
    page.get_by_test_id("session").nth(2).wait_for()
    shot(page, name)
    page.get_by_test_id("session").filter(has_text="concierge").click()
    page.get_by_test_id("transcript").get_by_text("Welcome").wait_for()
    answered = caller.evaluate("() => talkover.events.length")
    ask(caller, "what is twelve times seven")
    b.wait(caller, f"() => talkover.events.slice({answered}).some(e => e.type === 'response.done')")
    page.get_by_test_id("whisper").click()
    page.get_by_test_id("ask").get_by_role("textbox").fill("The kitchen closes at ten.")
    if name == "operate":
        shot(page, "operate-whisper")
    page.get_by_test_id("ask").get_by_role("button", name="Whisper").click()
    page.get_by_test_id("deeds").get_by_text("done").wait_for()
    shot(page, name.replace("operate", "operate-call"))


def networks(studio: Studio) -> None:
    def blocked(route: Route) -> None:
        answer = route.fetch()
        lines = answer.text().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("a=candidate")]
        route.fulfill(response=answer, body="".join(kept))

    with studio.page() as page:
        page.route("**/v1/realtime/calls?*", blocked)
        b.call(page)
        b.event(page, "response.done")
        b.wait(page, "() => talkover.stage.now > 4500")
        shot(page, "websocket")
    server = studio.serve()
    with studio.page(server.url) as page:
        b.call(page)
        b.event(page, "response.done")
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            b.state(page, "reconnecting")
            shot(page, "reconnecting")
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        b.state(page, "live")


def refusals(studio: Studio) -> None:
    denied = "Promise.reject(new DOMException('no', 'NotAllowedError'))"
    with studio.page(allowed=False) as page:
        page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = () => {denied}; }}")
        page.get_by_test_id("start").click()
        b.state(page, "error")
        shot(page, "denied")
    away = "http://talkover.test:" + studio.demo.url.rsplit(":", 1)[1]
    with studio.page(away, "--host-resolver-rules=MAP talkover.test 127.0.0.1") as page:
        told(page, "--tls")
        shot(page, "no-https")
    with studio.page(studio.serve("--key", "sesame").url) as page:
        shot(page, "key")
    full = studio.serve("--most-calls", "1")
    with studio.page(full.url) as page:
        b.call(page)
        assert page.context.browser is not None
        other = page.context.browser.new_page(viewport={"width": 1280, "height": 800})
        other.goto(full.url)
        other.get_by_test_id("start").click()
        b.state(other, "error")
        shot(other, "full")


def troubles(studio: Studio) -> None:
    down = studio.serve("--llm", "http://127.0.0.1:9/v1", "--model", "llama3.2")
    with studio.page(down.url) as page:
        told(page, "An engine is down")
        page.get_by_text("Use a real model").click()
        shot(page, "engine-down")
    reloading = studio.serve("--reload", agent=AGENTS)
    with studio.page(reloading.url) as page:
        file = reloading.file.parent / "agent.py"
        file.write_text(AGENTS + "\nnonsense(\n")
        told(page, "reloaded")
        shot(page, "reload")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    calls: list[Callable[[Studio], None]] = [
        before,
        lambda studio: talking(studio, "call", width=1200, height=780, scale=1.5),
        lambda studio: talking(studio, "call-dark", dark=True),
        lambda studio: talking(studio, "call-phone", width=390, height=844),
        in_the_call,
        lambda studio: inspected(studio, "events"),
        lambda studio: inspected(studio, "events-dark", dark=True),
        lambda studio: inspected(studio, "events-phone", width=390, height=844),
        operated,
        networks,
        refusals,
        troubles,
    ]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        studio = Studio(Path(folder), stack)
        for take in calls:
            take(studio)
    heavy = [file.name for file in FOLDER.glob("*.png") if file.stat().st_size > MOST_BYTES]
    if heavy:
        raise SystemExit(f"larger than {MOST_BYTES} bytes: {', '.join(heavy)}")


if __name__ == "__main__":
    main()
