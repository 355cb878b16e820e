"""What a person hears: the main five scenarios in headless Chromium, through the server's own page.

The browser's microphone plays a file; a script in the page records the microphone's track and that
of the agent's voice, on one clock, and both are scored from that recording.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Error, Page, Playwright, async_playwright

from .agents import oracle
from .case import PAUSE_S, REST_S, Clips, ms
from .child import Child
from .report import say, spread
from .scoring import STEP_S, Heard, fates
from .speech import HUMAN, VOICES, Clip, Tape, save_at
from .tables import print_rows
from .timing import BARGE, DUCK_DB, OPEN_END, QUESTION, REST

RATE = 16000
DIAL_S = 7.0
"""Of silence in the microphone, for the call to begin and the agent to be speaking."""
APART_S = 0.4
"""Between two clips there is more silence, within one less."""
LIVE_S = 30.0
CHROMIUM = "/usr/bin/chromium"
RECORDER = Path(__file__).with_name("recorder.js")
TAKEN = """() => {
  const all = bench.sides.map((blocks) => blocks.map(({ seconds, pcm }) =>
    [seconds, btoa(String.fromCharCode(...new Uint8Array(pcm.buffer)))]));
  const statuses = talkover.events
    .filter((event) => event.type === "response.done")
    .map((event) => event.response.status);
  return [...all, statuses];
}"""
METHOD = (
    "The microphone file is played by Chromium's fake device, through its own processing (echo "
    "cancellation, noise suppression, gain) as the page asks for it. Onset and end of speech are "
    "read off the recorded microphone, 30 dB below its loudest 5 ms. The agent's voice comes "
    "through Chromium's jitter buffer; a device's output latency would come on top. Recognisers "
    "know their words."
)
GOALS = {
    "answer, words complete": 250, "voice falls 12 dB, p50": 130, "silent, p50": 300,
    "mm-hm, silent": 250, "cut-offs in a 700 ms pause": 0, '"stop" missed, %': 5,
}  # fmt: skip
"""Those of a call without a browser: its jitter buffer comes on top."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Both sides of a call; `marks` are the begin and end of what the microphone heard, seconds."""

    heard: Heard
    marks: list[tuple[float, float]]
    statuses: list[str]

    @property
    def cancelled(self) -> bool:
        return "cancelled" in self.statuses


@dataclass(frozen=True, slots=True)
class Scene:
    """`over`: the agent speaks when the caller begins."""

    agent: str
    clips: Callable[[Clips, str], Sequence[Clip]]
    over: bool
    score: Callable[[Recording], dict[str, Any]]


def answer(recording: Recording) -> dict[str, Any]:
    begin, end = recording.marks[0]
    sound = recording.heard.first_sound(begin)
    return {"answer_ms": ms(sound, end), "failed": sound is None or sound < end}


def barge_in(recording: Recording) -> dict[str, Any]:
    onset, heard = recording.marks[0][0], recording.heard
    return {
        "fallen_ms": ms(heard.fallen(onset, DUCK_DB), onset),
        "silent_ms": ms(heard.silent(onset), onset),
        "failed": not recording.cancelled,
    }


def mm_hm(recording: Recording) -> dict[str, Any]:
    onset, end = recording.marks[0]
    told = [(at, word) for at, word in recording.heard.words() if at > onset - 1.0]
    found = fates(told)
    gap = round(recording.heard.longest_silence(onset, end + 1.5) * 1000)
    return {"gap_ms": gap, "failed": recording.cancelled, "lost": found["lost"],
            "twice": found["twice"]}  # fmt: skip


def pause(recording: Recording) -> dict[str, Any]:
    (_, first), (_, last) = recording.marks
    sound = recording.heard.first_sound(first)
    return {"answer_ms": ms(sound, last), "failed": sound is not None and sound < last}


SCENES: dict[str, Scene] = {
    "answer": Scene(oracle("complete"), lambda c, v: [c.say(QUESTION, v)], False, answer),
    "barge-in": Scene(oracle("content"), lambda c, v: [c.say(BARGE, v)], True, barge_in),
    "mm-hm": Scene(oracle("mm-hm"), lambda c, v: [c.say("mm hm", v, 0.3)], True, mm_hm),
    "pause": Scene(
        oracle("incomplete"), lambda c, v: [c.say(OPEN_END, v), c.say(REST, v)], False, pause
    ),
    "stop": Scene(oracle("stop"), lambda c, v: [c.say("stop", v)], True, barge_in),
}


def heard(blocks: Sequence[tuple[float, str]]) -> Heard:
    """One side of what was recorded."""
    chunks: list[tuple[float, int, bytes]] = []
    at = 0
    for seconds, text in blocks:
        pcm = base64.b64decode(text)
        chunks.append((seconds, at, pcm))
        at += len(pcm) // 2
    return Heard(chunks)


def read(microphone: Heard, agent: Heard, statuses: list[str], clips: int) -> Recording:
    """What was recorded. ValueError where the microphone was not heard to say so many clips."""
    marks = apart(microphone.voiced())
    if len(marks) != clips:
        raise ValueError(f"the microphone said {len(marks)} clips, not {clips}")
    return Recording(agent, marks, statuses)


def apart(times: Sequence[float]) -> list[tuple[float, float]]:
    """The begin and end of each stretch of voice."""
    marks: list[tuple[float, float]] = []
    for at in times:
        if marks and at - marks[-1][1] < APART_S:
            marks[-1] = (marks[-1][0], at + STEP_S)
        else:
            marks.append((at, at + STEP_S))
    return marks


async def call(
    play: Playwright, url: str, scene: Scene, clips: Sequence[Clip], folder: Path, n: int
) -> Recording:
    """A browser of its own, for its microphone plays one file."""
    tape = Tape(n)
    tape.silence(DIAL_S + 0.0073 * n)
    for k, clip in enumerate(clips):
        tape.silence(PAUSE_S if k else 0.0)
        tape.say(clip)
    tape.silence(REST_S)
    file = folder / "microphone.wav"
    save_at(file, tape.samples(), 48000)
    browser = await play.chromium.launch(
        executable_path=CHROMIUM,
        args=[
            "--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={file}%noloop",
            "--autoplay-policy=no-user-gesture-required",
        ],
    )  # fmt: skip
    try:
        # The page's policy lets nobody else's script in, this one neither.
        page = await browser.new_page(bypass_csp=True)
        microphone, agent, statuses = await _converse(page, url, scene, tape.seconds)
    finally:
        await browser.close()
    return read(microphone, agent, statuses, len(clips))


async def _converse(
    page: Page, url: str, scene: Scene, seconds: float
) -> tuple[Heard, Heard, list[str]]:
    # The page's meter would open the microphone, and the file would begin before the call.
    await page.add_init_script(
        "navigator.permissions.query = () => Promise.resolve({ state: 'prompt' })"
    )
    await page.goto(url)
    await page.locator("[data-id=agent]").select_option(scene.agent)
    await page.get_by_test_id("start").click()
    patience = LIVE_S * 1000
    await page.wait_for_function(
        "() => talkover.state === 'live' && document.querySelector('audio').srcObject",
        timeout=patience,
    )
    await page.evaluate(RECORDER.read_text(), {"rate": RATE})
    if scene.over:
        await page.evaluate("() => talkover.call.send({ type: 'response.create' })")
    # The microphone began before the recorder did: by then its file is over.
    await page.wait_for_function(
        f"() => bench.seconds() >= {seconds:.2f}", timeout=seconds * 1000 + patience
    )
    microphone, voice, statuses = await page.evaluate(TAKEN)
    return heard(microphone), heard(voice), statuses


async def measure(asked: argparse.Namespace) -> tuple[list[dict[str, Any]], list[str]]:
    """One scene after the other: a browser wants both cores."""
    runs: list[dict[str, Any]] = []
    failed: list[str] = []
    voices = [voice for voice in asked.voices if voice != HUMAN] or list(VOICES)
    with tempfile.TemporaryDirectory() as name:
        clips = Clips(voices, Path(name))
        async with Child("bench.server", Path(name)) as server, async_playwright() as play:
            for n in range(asked.reps):
                voice = voices[n % len(voices)]
                for kind, scene in SCENES.items():
                    say(f"page: {kind}, {voice}")
                    said = await asyncio.to_thread(scene.clips, clips, voice)
                    try:
                        recording = await call(play, server.url, scene, said, Path(name), n)
                    except (Error, ValueError) as error:
                        failed.append(f"{kind}, {voice}: {error}")
                        continue
                    load = os.getloadavg()[0]
                    runs.append({"kind": kind, "voice": voice, "load": load}
                                | scene.score(recording))  # fmt: skip
    return runs, failed


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By scene: calls, how many went wrong, and the spread of each time."""
    found: dict[str, dict[str, Any]] = {}
    for kind in SCENES:
        group = [run for run in runs if run["kind"] == kind]
        if not group:
            continue
        figures: dict[str, Any] = {
            "calls": len(group), "failed": sum(run["failed"] for run in group),
        }  # fmt: skip
        for name in group[0]:
            if name.endswith("_ms"):
                figures[name] = spread([run[name] for run in group if run[name] is not None])
            elif name in ("lost", "twice"):
                figures[name] = sum(run[name] for run in group)
        found[kind] = figures
    return found


def print_summary(found: dict[str, dict[str, Any]]) -> None:
    rows = {
        f"{kind}, {name.removesuffix('_ms')}": {
            "calls": figures["calls"], "failed": figures["failed"], "n": figures[name]["n"],
            "p50": figures[name]["p50"], "p95": figures[name]["p95"],
        }
        for kind, figures in found.items() for name in figures if name.endswith("_ms")
    }  # fmt: skip
    print_rows("in the page, ms", rows)
