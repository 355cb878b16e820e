"""The account of each turn against the silence that a recording in the page has."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from e2e import browser as b
from e2e.server import ROOT, Server
from playwright.sync_api import Page

sys.path.insert(0, str(ROOT))

from bench.page import RATE, RECORDER, TAKEN, apart, heard
from bench.scoring import STEP_S

pytestmark = pytest.mark.e2e

DEVICE = """async () => {
  const stats = await talkover.call.leg.peer.getStats();
  const playout = [...stats.values()].find(({ type }) => type === "media-playout");
  return 1000 * playout.totalPlayoutDelay / playout.totalSamplesCount;
}"""
ACCOUNTED = """new Set(talkover.events.filter(({ type, timings }) =>
  type === "talkover.turn" && "capture" in timings).map((turn) => turn.response_id)).size"""
TOLERANCE_MS = 20
"""Of two busy cores, and of the middle of the turns; on quiet ones it is half of that."""
QUESTIONS = ("tell me the time", "what time is it", "can you tell me the time", "what is the time")
"""They end and are answered with edges on which all detectors agree, which is not measured here."""
APART_S = 7.0


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("account"))
    yield server
    server.stop()


def silences(page: Page) -> list[float]:
    """Milliseconds from the end of each question in the microphone to the agent's next sound.

    The recording is made before the loudspeaker's device, whose time comes on top.
    """
    *sides, _ = page.evaluate(TAKEN)
    microphone, voice = map(heard, sides)
    device = page.evaluate(DEVICE)
    found: list[float] = []
    for begin, end in apart(microphone.voiced()):
        # The browser levels its microphone: each question is as loud as it is.
        end = microphone.voiced(begin, end + 1)[-1] + STEP_S
        found.append(((voice.first_sound(end) or 0.0) - end) * 1000 + device)
    return found


def accounts(page: Page) -> list[dict[str, Any]]:
    """The last word on each spoken turn."""
    told = page.evaluate("() => talkover.events.filter(e => e.type === 'talkover.turn')")
    whole = {event["response_id"]: event["timings"] for event in told}
    return [timings for timings in whole.values() if "capture" in timings]


def opened(page: Page) -> list[int]:
    """Of the last answer, what its waterfall shows: the total, then each stage."""
    account = page.get_by_test_id("account").last
    assert not account.get_by_test_id("waterfall").is_visible()
    account.locator("summary").click()
    rows = account.get_by_role("row").all_inner_texts()
    assert rows and rows[0].startswith("Microphone") and rows[-1].startswith("Player"), rows
    figures = [account.locator(".total").inner_text(), *rows]
    return [int(re.findall(r"(\d+) ms", figure)[0]) for figure in figures]


def test_the_account_is_the_silence_that_was_heard(demo: Server, tmp_path: Path):
    sound = b.microphone(tmp_path, *((question, APART_S) for question in QUESTIONS))
    with b.browsing(demo.url, sound, policed=False) as page:
        b.call(page)
        b.wait(page, "() => document.querySelector('audio').srcObject")
        page.evaluate(RECORDER.read_text(), {"rate": RATE})
        b.event(page, "response.done", 1 + len(QUESTIONS), seconds=60)
        b.wait(page, f"() => {ACCOUNTED} === {len(QUESTIONS)}")
        told, silent = accounts(page), silences(page)
        shown = opened(page)
        b.picture(page, "waterfall")
    assert len(told) == len(silent) == len(QUESTIONS)
    off = [account["total"] - silence for account, silence in zip(told, silent, strict=True)]
    print("account - recording, ms:", [round(ms) for ms in off])
    assert median(map(abs, off)) <= TOLERANCE_MS, (told, silent)
    total, *stages = shown
    assert abs(total - sum(stages)) <= len(stages) / 2
    assert abs(total - told[-1]["total"]) <= 0.5
