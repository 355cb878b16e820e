"""A real Chromium whose microphone plays a file, and what tests wait for in its page."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from e2e.server import spoken
from playwright.sync_api import Page, TimeoutError, sync_playwright


def microphone(folder: Path, *parts: tuple[str, float], voice: str = "rms") -> Path:
    """A WAV of sentences, each after so many seconds of silence; then silence for a minute."""
    pieces: list[str] = []
    for n, (text, before) in enumerate(parts):
        piece = folder / f"part{n}.wav"
        subprocess.run(
            ["sox", spoken(text, folder, voice), "-r", "48000", piece, "pad", str(before), "0"],
            check=True,
        )
        pieces.append(str(piece))
    file = folder / "microphone.wav"
    subprocess.run(["sox", *pieces, str(file), "pad", "0", "60"], check=True)
    return file


def silence(folder: Path) -> Path:
    file = folder / "silence.wav"
    subprocess.run(
        ["sox", "-n", "-r", "48000", "-c", "1", str(file), "trim", "0", "60"], check=True
    )
    return file


@contextmanager
def browsing(
    url: str,
    sound: Path,
    *arguments: str,
    width: int = 1280,
    height: int = 800,
    scale: float = 1,
    dark: bool = False,
    allowed: bool = True,
    ready: bool = True,
    policed: bool = True,
) -> Generator[Page]:
    """A page at `url`. The file is played from the moment at which a microphone is opened.

    `policed` no: the page runs scripts that its policy would not let in.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                *(["--use-fake-ui-for-media-stream"] if allowed else []),
                f"--use-file-for-fake-audio-capture={sound}%noloop",
                "--autoplay-policy=no-user-gesture-required",
                *arguments,
            ],
        )
        page = browser.new_page(
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            color_scheme="dark" if dark else "light",
            bypass_csp=not policed,
        )
        # The page's meter would open the microphone, and the file would begin before the call.
        page.add_init_script(
            "navigator.permissions.query = () => Promise.resolve({ state: 'prompt' })"
        )
        page.goto(url)
        if ready:
            page.get_by_test_id("chip").first.wait_for()
        yield page
        browser.close()


def call(page: Page) -> None:
    """Start a call and wait until it is live."""
    page.get_by_test_id("start").click()
    state(page, "live")


def wait(page: Page, expression: str, seconds: float = 30) -> None:
    try:
        page.wait_for_function(expression, timeout=seconds * 1000)
    except TimeoutError:
        heard = page.evaluate(
            "() => talkover.events.filter(e => !/delta|word|network/.test(e.type))"
            ".map(e => `${e.at_ms ?? ''} ${e.type} ${e.text ?? e.transcript ?? e.agent ?? ''}`)"
        )
        told = "\n".join([expression, transcript(page), *heard])
        raise AssertionError(f"it did not come about within {seconds} s: {told}") from None


def state(page: Page, wanted: str, seconds: float = 30) -> None:
    wait(page, f"() => talkover.state === '{wanted}'", seconds)


def event(page: Page, kind: str, count: int = 1, seconds: float = 30) -> None:
    """Wait until so many events of a kind came."""
    wait(
        page,
        f"() => talkover.events.filter(e => e.type === '{kind}').length >= {count}",
        seconds,
    )


def transcript(page: Page) -> str:
    return page.get_by_test_id("transcript").inner_text()


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for something outside the page."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def picture(page: Page, name: str) -> None:
    """Kept where the environment asks for pictures."""
    folder = os.environ.get("TALKOVER_PICTURES")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png")
