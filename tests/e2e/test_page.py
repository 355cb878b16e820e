"""The page in a real Chromium, its microphone playing real speech."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.server import ROOT, Server, spoken
from playwright.sync_api import Browser, Page, sync_playwright

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    assert (ROOT / "python/talkover/gateway/static/index.html").is_file(), "run make setup"
    server = Server(tmp_path_factory.mktemp("page"))
    yield server
    server.stop()


def microphone(folder: Path, *parts: tuple[str, float]) -> Path:
    """A WAV of sentences, each after so many seconds of silence; then silence for a minute."""
    pieces: list[str] = []
    for n, (text, before) in enumerate(parts):
        piece = folder / f"part{n}.wav"
        subprocess.run(
            ["sox", str(spoken(text, folder)), "-r", "48000", str(piece), "pad", str(before), "0"],
            check=True,
        )
        pieces.append(str(piece))
    file = folder / "microphone.wav"
    subprocess.run(["sox", *pieces, str(file), "pad", "0", "60"], check=True)
    return file


def open_page(server: Server, sound: Path, permissions: bool = True) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                *(["--use-fake-ui-for-media-stream"] if permissions else []),
                f"--use-file-for-fake-audio-capture={sound}%noloop",
                "--autoplay-policy=no-user-gesture-required",
            ],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(server.url)
        yield page
        browser.close()


def picture(page: Page, name: str) -> None:
    """Kept where the environment asks for pictures."""
    folder = os.environ.get("TALKOVER_PICTURES")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png")


def wait(page: Page, expression: str, seconds: float = 25) -> None:
    page.wait_for_function(expression, timeout=seconds * 1000)


def event(kind: str, count: int = 1) -> str:
    return f"() => talkover.events.filter(e => e.type === '{kind}').length >= {count}"


def test_a_newcomer_asks_is_answered_and_talks_over_the_answer(demo: Server, tmp_path: Path):
    sound = microphone(
        tmp_path, ("what time is it", 5.5), ("tell me a story", 5.0), ("what day is it", 6.0)
    )
    for page in open_page(demo, sound):
        wait(page, "() => document.querySelectorAll('[data-testid=chip]').length > 3")
        picture(page, "before")
        page.get_by_test_id("start").click()
        wait(page, "() => talkover.state === 'live'")
        wait(page, event("conversation.item.input_audio_transcription.completed"))
        wait(page, event("response.done", 2))
        answer = page.get_by_test_id("transcript").inner_text()
        assert "what time is it" in answer and "It is" in answer
        wait(page, event("talkover.word", 30))
        picture(page, "speaking")
        wait(page, event("conversation.item.truncated"))
        picture(page, "interrupted")
        cancelled = page.evaluate(
            "() => talkover.events.filter(e => e.type === 'response.done')"
            ".map(e => e.response.status)"
        )
        assert cancelled[-1] == "cancelled"
        wait(page, event("response.done", 4))
        picture(page, "answered")
        assert page.locator("[data-testid=transcript] s").count() >= 1
        assert "UDP" in page.get_by_test_id("network").inner_text()
        assert voice_was_loud(page)
        page.get_by_test_id("hangup").click()
        wait(page, "() => talkover.state === 'ended'")
        assert page.get_by_test_id("start").is_visible()


def test_a_typed_question_gets_a_spoken_answer(demo: Server, tmp_path: Path):
    for page in open_page(demo, silence(tmp_path)):
        page.get_by_test_id("start").click()
        wait(page, event("output_audio_buffer.stopped"))
        page.get_by_test_id("text-input").fill("what is twelve times seven")
        page.get_by_test_id("send").click()
        wait(page, event("output_audio_buffer.stopped", 2))
        assert "eighty-four" in page.get_by_test_id("transcript").inner_text()
        page.set_viewport_size({"width": 390, "height": 844})
        picture(page, "phone")
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 1280, "height": 800})
        picture(page, "dark")


def test_a_blocked_microphone_is_said_with_its_remedy(demo: Server, tmp_path: Path):
    for page in open_page(demo, silence(tmp_path), permissions=False):
        page.add_init_script(
            "navigator.mediaDevices.getUserMedia = () =>"
            " Promise.reject(new DOMException('no', 'NotAllowedError'))"
        )
        page.reload()
        page.get_by_test_id("start").click()
        wait(page, "() => talkover.state === 'error'")
        assert "Allow it" in page.get_by_test_id("notice").inner_text()
        picture(page, "denied")


def silence(folder: Path) -> Path:
    file = folder / "silence.wav"
    subprocess.run(
        ["sox", "-n", "-r", "48000", "-c", "1", str(file), "trim", "0", "60"], check=True
    )
    return file


def voice_was_loud(page: Page) -> bool:
    """The browser played a voice: the total energy that it received is not nothing."""
    energy = page.evaluate(
        """async () => {
          const report = await talkover.call.peer.getStats();
          return Math.max(...[...report.values()].map(e => e.totalAudioEnergy ?? 0));
        }"""
    )
    return energy > 0.01
