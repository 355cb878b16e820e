"""The account of each turn against the silence that a recording in the page has."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from e2e import browser as b
from e2e.server import ROOT, Server
from playwright.sync_api import Page

sys.path.insert(0, str(ROOT))

from bench.page import RATE, RECORDER, TAKEN, WORKLET, apart
from bench.scoring import STEP_S, Heard, voiced

pytestmark = pytest.mark.e2e

DEVICE = """async () => {
  const stats = await talkover.call.leg.peer.getStats();
  const playout = [...stats.values()].find(({ type }) => type === "media-playout");
  return 1000 * playout.totalPlayoutDelay / playout.totalSamplesCount;
}"""
TOLERANCE_MS = 40
"""Of two busy cores; on quiet ones it is a quarter."""
QUESTIONS = ("what is the time", "what day is it today") * 2
"""They end in sounds that fade: a last t is as loud as the words, or not, as the codec has it."""
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
    microphone, voice, _ = page.evaluate(TAKEN)
    heard, agent = (np.frombuffer(base64.b64decode(side), np.int16) for side in (microphone, voice))
    sound, device = Heard([(0.0, 0, agent.tobytes())]), page.evaluate(DEVICE)
    found: list[float] = []
    for begin, end in apart(voiced(heard, RATE)):
        # The browser levels its microphone: each question is as loud as it is.
        question = heard[int(begin * RATE) : int((end + 1) * RATE)]
        end = begin + voiced(question, RATE)[-1] + STEP_S
        found.append(((sound.first_sound(end) or 0.0) - end) * 1000 + device)
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
        recorder = {"rate": RATE, "worklet": WORKLET.read_text()}
        page.evaluate(RECORDER.read_text(), recorder)
        b.event(page, "response.done", 1 + len(QUESTIONS), seconds=60)
        told, heard = accounts(page), silences(page)
        shown = opened(page)
        b.picture(page, "waterfall")
    assert len(told) == len(heard) == len(QUESTIONS)
    off = [account["total"] - silence for account, silence in zip(told, heard, strict=True)]
    print("account - recording, ms:", [round(ms) for ms in off])
    assert abs(median(off)) <= TOLERANCE_MS, (told, heard)
    total, *stages = shown
    assert abs(total - sum(stages)) <= len(stages) / 2 and total == round(told[-1]["total"])
