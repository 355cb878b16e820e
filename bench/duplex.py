"""How the floor changes hands: in virtual time (the turn machine) and over real sockets.

Every repetition is a call of its own with a tape whose onsets and ends are known by sample; what
came back is scored from its sound, and from the events for comparison.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx

from . import turns
from .agents import oracle
from .child import Child
from .line import Line
from .report import Report, arguments, say, spread, table
from .scoring import Heard, fates
from .speech import HUMAN, VOICES, Clip, Tape, recorded, spoken

QUESTION = "what time is it"
NEUTRAL = "the one with the red door"
BARGE = "actually what time is it"
OPEN_END, REST = "i would like to", "know what time it is"
PAUSE_S = 0.7
MM_HM_S = (0.2, 0.3, 0.4, 0.6, 0.8)
PROMPTS = ("conf-errormenu", "number-not-answering", "queue-thankyou", "vm-nomore",
           "confbridge-conf-end", "sorry-youre-having-problems", "from-unknown-caller",
           "vm-deleted")  # fmt: skip
"""Said in one breath: no pause of more than 40 ms within."""
PROMPT_PAIR = ("confbridge-leave-in", "vm-onefor-full")
HUMAN_EACH = 3
"""Prompts a repetition, for one voice among six."""
DUCK_DB = 12.0
LEAD_S = 1.5
"""Of room noise before the first onset: a detector needs to know the room."""
EMBEDDED_AT_ONCE = 2
"""The embedded recogniser is one process: more callers than that measure its queue."""
REST_S = 2.5
"""The tape goes on for so long after the last word."""

GOALS = {
    "answer, words complete": 250, "answer, neutral words": 500, "answer, no words": 900,
    "voice falls 12 dB, p50": 130, "voice falls 12 dB, p95": 180, "silent, p50": 300,
    "mm-hm up to 400 ms, silent": 250, "cut-offs in a 700 ms pause": 0,
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
    "prompts of Debian's asterisk-core-sounds-en-g722. The agent's voice is steady tones, one a "
    "word, so that levels and words can be read off every 5 and 10 ms; 'espeak' is the demo's own."
)


@dataclass(frozen=True, slots=True)
class Case:
    """One repetition: which agent is called and what is said where on the tape.

    `over`: the tape begins when the agent's answer is heard. `marks` are the begin and end of each
    clip on it, seconds.
    """

    part: str
    kind: str
    agent: str
    voice: str
    tape: Tape
    marks: tuple[tuple[float, float], ...]
    over: bool


def answers(clips: Clips, n: int) -> Iterable[Case]:
    """End of speech to the answer."""
    for voice in clips.voices:
        if voice == HUMAN:
            plans = [
                (f"{words}, oracle", oracle(words), clip)
                for clip in clips.prompts(n) for words in ("complete", "neutral")
            ]  # fmt: skip
        else:
            asked, neutral = clips.say(QUESTION, voice), clips.say(NEUTRAL, voice)
            plans = [
                ("complete, oracle", oracle("complete"), asked),
                ("neutral, oracle", oracle("neutral"), asked),
                ("none, oracle", oracle("none"), asked),
                ("complete, embedded, espeak", "embedded", asked),
                ("neutral, embedded, espeak", "embedded", neutral),
            ]
        for kind, agent, clip in plans:
            yield _case("answer", kind, agent, [clip], n, over=False)


def barge_ins(clips: Clips, n: int) -> Iterable[Case]:
    """Onset over the agent's voice to its fall and its end."""
    for voice in clips.voices:
        said = clips.prompts(n) if voice == HUMAN else [clips.say(BARGE, voice)]
        for clip in said:
            yield _case("barge-in", "oracle", oracle("content"), [clip], n, over=True)
            yield _case("barge-in", "embedded", "embedded ear", [clip], n, over=True)


def mm_hms(clips: Clips, n: int) -> Iterable[Case]:
    """A sound of agreement over the agent's voice."""
    for voice in clips.voices:
        if voice == HUMAN:
            continue
        for seconds in MM_HM_S:
            clip = clips.say("mm hm", voice, seconds)
            kind = f"{seconds * 1000:.0f} ms"
            yield _case("mm-hm", f"{kind}, oracle", oracle("mm-hm"), [clip], n, over=True)
            if seconds <= 0.4:
                yield _case("mm-hm", f"{kind}, embedded", "embedded ear", [clip], n, over=True)


def pauses(clips: Clips, n: int) -> Iterable[Case]:
    """A pause after words that trail off."""
    for voice in clips.voices:
        if voice == HUMAN:
            pair = [clips.prompt(name) for name in PROMPT_PAIR]
        else:
            pair = [clips.say(OPEN_END, voice), clips.say(REST, voice)]
        yield _case("pause", "oracle", oracle("incomplete"), pair, n, over=False)
        yield _case("pause", "embedded", "embedded ear", pair, n, over=False)


PARTS = {"answer": answers, "barge-in": barge_ins, "mm-hm": mm_hms, "pause": pauses}


class Clips:
    """Renders each clip once."""

    def __init__(self, voices: Sequence[str], folder: Path) -> None:
        self.voices, self._folder = voices, folder
        self._made: dict[Any, Clip] = {}

    def say(self, text: str, voice: str, seconds: float | None = None) -> Clip:
        key = (text, voice, seconds)
        if key not in self._made:
            self._made[key] = spoken(text, voice, self._folder, seconds)
        return self._made[key]

    def prompts(self, n: int) -> list[Clip]:
        """Those of the n-th repetition."""
        first = n * HUMAN_EACH
        return [self.prompt(PROMPTS[k % len(PROMPTS)]) for k in range(first, first + HUMAN_EACH)]

    def prompt(self, name: str) -> Clip:
        if name not in self._made:
            self._made[name] = recorded(name)
        return self._made[name]


def _case(part: str, kind: str, agent: str, clips: Sequence[Clip], n: int, *, over: bool) -> Case:
    tape = Tape(n)
    # Repetitions begin at different places of a 20 ms packet and a 16 ms step.
    tape.silence(LEAD_S + 0.0073 * n)
    marks = [tape.say(clips[0])]
    for clip in clips[1:]:
        tape.silence(PAUSE_S)
        marks.append(tape.say(clip))
    tape.silence(REST_S)
    return Case(part, kind, agent, clips[0].voice, tape, tuple(marks), over)


async def call(case: Case, client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """Make the call and score it."""
    packets = await asyncio.to_thread(case.tape.packets)
    line = Line(records=True)
    try:
        await line.dial(client, url, case.agent)
        if case.over:
            line.send({"type": "response.create"})
            await line.until(lambda: bool(line.of("output_audio_buffer.started")), 10)
        line.play(packets)
        await asyncio.sleep(case.tape.seconds)
        load = os.getloadavg()[0]
        await line.hang_up(client)
    finally:
        line.close()
    score = {"answer": _answer, "barge-in": _barge_in, "mm-hm": _mm_hm, "pause": _pause}
    found = score[case.part](line, case)
    return {"part": case.part, "kind": case.kind, "voice": case.voice, "load": load} | found


def _since(line: Line, kind: str, at: float) -> float | None:
    """Milliseconds from `at` to the first such event after it."""
    return _ms(min(line.times(kind, at), default=None), at)


def _ms(at: float | None, since: float) -> float | None:
    return None if at is None else round((at - since) * 1000, 1)


def _answer(line: Line, case: Case) -> dict[str, Any]:
    began, ended = (line.spoken(at) for at in case.marks[0])
    heard = Heard(line.chunks).first_sound(began) if line.chunks else None
    timings = line.of("talkover.turn")
    started = min(line.times("output_audio_buffer.started", began), default=None)
    return {
        "audio_ms": _ms(heard, ended),
        "event_ms": _ms(started, ended),
        "discarded": bool(line.of("input_audio_buffer.cleared")),
        "cut_off": heard is not None and heard < ended,
        "said": _words(line),
        "timings": timings[0]["timings"] if timings else None,
    }


def _barge_in(line: Line, case: Case) -> dict[str, Any]:
    onset = line.spoken(case.marks[0][0])
    heard = Heard(line.chunks)
    done = [event["response"] for event in line.of("response.done")]
    return {
        "ducked_ms": _ms(heard.fallen(onset, DUCK_DB), onset),
        "silent_ms": _ms(heard.silent(onset), onset),
        "ducked_event_ms": _since(line, "talkover.ducked", onset),
        "held_event_ms": _since(line, "talkover.held", onset),
        "resumed_event_ms": _since(line, "talkover.resumed", onset),
        "started_event_ms": _since(line, "input_audio_buffer.speech_started", onset),
        "cleared_event_ms": _since(line, "output_audio_buffer.cleared", onset),
        "cancelled": any(response["status"] == "cancelled" for response in done),
        "said": _words(line),
        "before": bool(line.times("talkover.ducked"))
        and min(line.times("talkover.ducked")) < onset - 0.02,
    }


def _mm_hm(line: Line, case: Case) -> dict[str, Any]:
    onset, ended = (line.spoken(at) for at in case.marks[0])
    heard = Heard(line.chunks)
    lost = any(event["response"]["status"] == "cancelled" for event in line.of("response.done"))
    words = [(at, word) for at, word in heard.words() if at > onset - 1.0]
    marks = [event["start"] for event in line.of("talkover.word")]
    return {
        "silent_ms": round(heard.longest_silence(onset, ended + 1.5) * 1000),
        "ducked_ms": _ms(heard.fallen(onset, DUCK_DB), onset),
        "held_event_ms": _since(line, "talkover.held", onset),
        "resumed_event_ms": _since(line, "talkover.resumed", onset),
        "backchannel": bool(line.of("talkover.backchannel")),
        "answer_lost": lost,
        "said": _words(line),
        "word_events_twice": len(marks) - len(set(marks)),
    } | fates([] if lost else words)


def _pause(line: Line, case: Case) -> dict[str, Any]:
    first_end, again = line.spoken(case.marks[0][1]), line.spoken(case.marks[1][0])
    committed = line.times("input_audio_buffer.committed")
    sound = Heard(line.chunks).first_sound(first_end) if line.chunks else None
    return {
        "committed_in_pause": any(at < again for at in committed),
        "cut_off": sound is not None and sound < line.spoken(case.marks[1][1]),
        "turns": len(committed),
        "said": _words(line),
    }


def _words(line: Line) -> str:
    said = line.of("conversation.item.input_audio_transcription.completed")
    return " | ".join(event["transcript"] for event in said)


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Each kind's figures: spreads of what is in ms, counts of what is true."""
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        kinds[f"{run['part']}: {run['kind']}"].append(run)
        if run["voice"] == HUMAN:
            kinds[f"{run['part']}: {run['kind']}, human only"].append(run)
    found: dict[str, Any] = {}
    for kind, group in kinds.items():
        figures: dict[str, Any] = {"calls": len(group)}
        for name in group[0]:
            values = [run[name] for run in group if run[name] is not None]
            if name.endswith("_ms"):
                figures[name] = spread(values)
            elif name in ("words", "lost", "twice", "nearly_twice", "word_events_twice", "turns"):
                figures[name] = sum(values)
            elif name not in ("part", "kind", "voice", "load", "said", "timings"):
                figures[name] = sum(map(bool, values))
        found[kind] = figures
    return found


def print_summary(found: dict[str, Any]) -> None:
    """One table a part."""
    columns = {
        "answer": ("audio_ms", "cut_off", "discarded"),
        "barge-in": ("ducked_ms", "silent_ms", "cleared_event_ms", "cancelled"),
        "mm-hm": (
            "silent_ms",
            "repeated_ms",
            "words",
            "lost",
            "nearly_twice",
            "twice",
            "answer_lost",
        ),
        "pause": ("cut_off", "committed_in_pause", "turns"),
    }
    for part, names in columns.items():
        rows: list[list[Any]] = []
        for kind, figures in found.items():
            if not kind.startswith(part + ":"):
                continue
            row: list[Any] = [kind.partition(": ")[2], figures["calls"]]
            for name in names:
                value = figures[name]
                row += [value["n"], value["p50"], value["p95"]] if name.endswith("_ms") else [value]
            rows.append(row)
        if rows:
            head = ["kind", "calls"]
            for name in names:
                short = name.removesuffix("_ms").replace("_", " ")
                head += [f"{short} n", "p50", "p95"] if name.endswith("_ms") else [short]
            table(part, head, rows)


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
            for case in PARTS[part](clips, n)
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


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--reps", type=int, default=4, help="calls of each voice and kind")
    parser.add_argument("--voices", nargs="+", default=[*VOICES, HUMAN], choices=[*VOICES, HUMAN])
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    parser.add_argument(
        "--parallel",
        type=int,
        default=3,
        help="calls at a time, of those without the embedded recogniser",
    )
    asked = parser.parse_args()
    report = Report("duplex", asked)
    virtual = machine()
    runs, failed = asyncio.run(measure(asked)) if asked.parts else ([], [])
    found = summary(runs)
    print_summary(found)
    head = ("ms", "answer", "duck", "silent", "mm-hm")
    goals = ("Talkover's goal", "<= 250 / 500 / 900", "<= 130", "<= 300", "<= 250 silent")
    table("peers, measured before on such a machine (not by this run), and the goals", head,
          [[name, *row.values()] for name, row in PEERS.items()] + [list(goals)])  # fmt: skip
    report.write(METHOD, GOALS, {"machine": virtual, "sockets": found, "peers": PEERS,
                                 "failed": failed, "calls": runs})  # fmt: skip


if __name__ == "__main__":
    main()
