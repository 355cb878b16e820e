"""How the floor changes hands: in virtual time (the turn machine) and over real sockets.

Every repetition is a call of its own with a tape whose onsets and ends are known by sample; what
came back is scored from its sound, and from the events for comparison.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2 as httpx

from . import curves, languages, minutes, page, timing, turns, verdicts
from .case import Case, Clips, Part
from .child import Child
from .line import Line
from .report import Report, arguments, say, table
from .speech import HUMAN, VOICES
from .tables import print_rows, print_summary, summary

PARTS: dict[str, Part] = {
    "answer": timing.ANSWER, "barge-in": timing.BARGE_IN, "mm-hm": timing.MM_HM,
    "pause": timing.PAUSE, "verdict": verdicts.VERDICT, "stop": verdicts.STOP,
    "minute": minutes.MINUTE, "language": languages.LANGUAGE,
    "language-turn": languages.LANGUAGE_TURN,
}  # fmt: skip
CURVES = {"ends": curves.ends, "stops": curves.stops}
CURVE_CLIPS = {"ends": 8, "stops": 2}
"""Prompts of a language; sentences of a voice."""
EMBEDDED_AT_ONCE = 2
"""The embedded recogniser is one process: more callers than that measure its queue."""

GOALS = {
    "answer, words complete": 250, "answer, neutral words": 500, "answer, no words": 900,
    "voice falls 12 dB, p50": 130, "voice falls 12 dB, p95": 180, "silent, p50": 300,
    "mm-hm up to 400 ms, silent": 250, "cut-offs in a 700 ms pause": 0,
    "wrong verdicts, clean, %": 2, "wrong verdicts, 10 dB, %": 8,
    "minutes of babble or music with a false stop, of five": 1,
    '"stop" missed, clean, %': 5, '"stop" missed, 10 dB, %': 15,
}  # fmt: skip
PEERS = {
    "Pipecat 1.14": {"answer": "403-435", "duck": "549", "silent": "555", "mm-hm": "talks on"},
    "LiveKit agents 1.8.9": {
        "answer": "456-496", "duck": "661", "silent": "667", "mm-hm": "stops 2450, resumes",
    },
    "FastRTC 0.0.34": {
        "answer": "749-1269", "duck": "never", "silent": "4039", "mm-hm": "answer replaced",
    },
}  # fmt: skip
"""Measured side by side on such a machine, ms, with a floor of 53 for a stop and 41 for an onset;
not measured by this run."""
METHOD = (
    "Speech is trimmed at 35 dB below its loudest 5 ms; a sample of the tape counts as spoken when "
    "a microphone would have finished the 20 ms packet that it is in (20 ms are in each figure), "
    "and heard when its packet arrived (no jitter buffer at the caller). Opus adds 6.5 ms each "
    "way. Replies take no time to think. 'oracle' recognisers know their words and give them at "
    "once; 'embedded' is pocketsphinx. Voices of flite and espeak-ng are synthetic; 'human' are "
    "prompts of Debian's asterisk-core-sounds-*-g722. The agent's voice is steady tones, one a "
    "word, so that levels and words can be read off every 5 and 10 ms; 'espeak' is the demo's own. "
    "'10 dB' is pink noise over the whole band, its RMS so far below the clip's (around a burst: "
    "below a voice's), from two seconds before the agent is asked to speak. Coughs, clicks, "
    "typing, laughter and beeps are made, not recorded. Babble is six of the voices at once, music "
    "is chords, a tune and drums; both 10 dB below who cuts in after a minute; 'near' is a "
    "recogniser that understands who is loud and nobody else, 'no words' one that is asked at the "
    "end of a voice and never knows any. The curves run whole sessions in virtual time with the "
    "real voice detector; where a word begins is interpolated over the clip's vowels. 'ends' takes "
    "only prompts that pause (200 ms and more), so its rates are those of people who do; "
    "'streaming' words come 120 ms after they end, 'batch' 300 ms after the voice, 'never' never."
)


async def call(case: Case, client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """Make the call and score it."""
    packets = await asyncio.to_thread(case.tape.packets)
    line = Line(records=True)
    try:
        await line.dial(client, url, case.agent)
        if case.room_s:
            line.play(packets)
            await asyncio.sleep(case.room_s)
        if case.over:
            line.send({"type": "response.create"})
            await line.until(lambda: bool(line.of("output_audio_buffer.started")), 10)
        if not case.room_s:
            line.play(packets)
        await asyncio.sleep(line.tape_began + case.tape.seconds - time.monotonic())
        load = os.getloadavg()[0]
        await line.hang_up(client)
    finally:
        line.close()
    found = PARTS[case.part].score(line, case)
    return {"part": case.part, "kind": case.kind, "voice": case.voice, "load": load} | found


async def measure(asked: argparse.Namespace) -> tuple[list[dict[str, Any]], list[str]]:
    """The scores of all calls, and what became of those that have none."""
    runs: list[dict[str, Any]] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        clips = Clips(asked.voices, Path(name))
        cases = [
            case
            for n in range(asked.reps)
            for part in asked.parts
            if part in PARTS
            for case in PARTS[part].cases(clips, n)
        ]
        say(f"{len(cases)} calls, {asked.parallel} at a time")
        gates = {
            True: asyncio.Semaphore(min(EMBEDDED_AT_ONCE, asked.parallel)),
            False: asyncio.Semaphore(asked.parallel),
        }
        async with Child("bench.server", Path(name)) as server, httpx.AsyncClient() as client:

            async def one(case: Case) -> None:
                async with gates["embedded" in case.kind]:
                    try:
                        runs.append(await call(case, client, server.url))
                    except (RuntimeError, TimeoutError) as error:
                        failed.append(f"{case.part}, {case.kind}, {case.voice}: {error!r}")
                        say(failed[-1])

            async with asyncio.TaskGroup() as group:
                for case in cases:
                    group.create_task(one(case))
    return runs, failed


def machine() -> dict[str, Any]:
    """The turn machine's part, printed and returned."""
    found = {
        "ends": list(turns.ends()), "overlaps": list(turns.overlaps()),
        "pauses": list(turns.pauses()),
    }  # fmt: skip
    for part, rows in found.items():
        table(f"turn machine, {part} (virtual ms)", list(rows[0]), [list(r.values()) for r in rows])
    return found


def draw(asked: argparse.Namespace) -> dict[str, Any]:
    """The curves that were asked for, printed and returned."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        clips = Clips(asked.voices, Path(name))
        for part, curve in CURVES.items():
            if part in asked.parts:
                found[part] = curve(clips, CURVE_CLIPS[part])
                curves.show(part, found[part])
    return found


def in_browser(asked: argparse.Namespace) -> None:
    """What a person hears of the main five."""
    report = Report("duplex-browser", asked)
    runs, failed = asyncio.run(page.measure(asked))
    found = page.summary(runs)
    page.print_summary(found)
    report.write(page.METHOD, page.GOALS, {"page": found, "failed": failed, "calls": runs})


def over_sockets(asked: argparse.Namespace) -> None:
    """Everything but the browser."""
    report = Report("duplex", asked)
    virtual = machine()
    drawn = draw(asked)
    called = any(part in PARTS for part in asked.parts)
    runs, failed = asyncio.run(measure(asked)) if called else ([], [])
    found = summary(runs)
    print_summary(found, PARTS)
    errors = verdicts.rates(run for run in runs if "wanted" in run)
    print_rows("both errors of an interruption, %: barge-ins missed, sounds that stopped", errors)
    left_out = languages.missing()
    for language, why in left_out.items():
        say(f"{languages.LANGUAGES[language]} is left out: {why}")
    head = ("ms", "answer", "duck", "silent", "mm-hm")
    goals = ("Talkover's goal", "<= 250 / 500 / 900", "<= 130", "<= 300", "<= 250 silent")
    table("peers, measured before on such a machine (not by this run), and the goals", head,
          [[name, *row.values()] for name, row in PEERS.items()] + [list(goals)])  # fmt: skip
    report.write(METHOD, GOALS, {
        "machine": virtual, "curves": drawn, "sockets": found, "errors": errors, "peers": PEERS,
        "languages_left_out": left_out, "failed": failed, "calls": runs,
    })  # fmt: skip


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--reps", type=int, default=4, help="calls of each voice and kind")
    parser.add_argument("--voices", nargs="+", default=[*VOICES, HUMAN], choices=[*VOICES, HUMAN])
    parts = [*CURVES, *PARTS]
    parser.add_argument("--parts", nargs="*", default=parts, choices=parts)
    parser.add_argument(
        "--parallel",
        type=int,
        default=3,
        help="calls at a time, of those without the embedded recogniser",
    )
    parser.add_argument(
        "--browser", action="store_true", help="the main five through a real page, nothing else"
    )
    asked = parser.parse_args()
    if asked.browser:
        in_browser(asked)
    else:
        over_sockets(asked)


if __name__ == "__main__":
    main()
