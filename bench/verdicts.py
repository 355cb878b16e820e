"""Who is right to be interrupted: words that mean it, and sounds that do not, clean and in noise.

Both errors of the trade: a barge-in that did not stop the agent (missed), and an "mm-hm", a cough,
a click, typing, laughter or a beep that did (false).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from .agents import oracle
from .case import Case, Clips, Part, ms, taped, words
from .line import Line
from .noise import BURSTS
from .report import percent
from .scoring import Heard
from .speech import HUMAN, Clip

REAL = (
    "actually what time is it", "that is not what i meant", "can you say that again please",
    "i have a different question", "let me ask you something else", "tell me about the weather",
    "excuse me what was that", "could you speak a little slower",
)  # fmt: skip
AGREEMENT = (("mm hm", 0.3), ("uh huh", 0.35), ("yeah", 0.3), ("okay", 0.4), ("right", 0.3))
"""Words and how long they take, seconds."""
STOP_VOICES = ("en-us+f3", "en-us+m3", "en-gb+f2", "en-gb-scotland+m2")
"""Beside the others: one word is soon said in many voices."""
NOISES: dict[str, float | None] = {"clean": None, "10 dB": 10.0}
SPEECH_LEVEL = 2400.0
"""RMS of the clips, about; noise around sounds that are no speech is reckoned from it."""
WANTED = ("real", "stop")
"""Kinds that are to interrupt; all others are not."""


def verdicts(clips: Clips, n: int) -> Iterable[Case]:
    """Sentences, agreement and bursts over the agent's voice."""
    for k, voice in enumerate(clips.voices):
        if voice == HUMAN:
            yield from _over("verdict", "real", "content", clips.prompts(n), n)
            continue
        yield from _over(
            "verdict", "real", "content", [clips.say(REAL[(n + k) % len(REAL)], voice)], n
        )
        text, seconds = AGREEMENT[(n + k) % len(AGREEMENT)]
        yield from _over("verdict", "agreement", "mm-hm", [clips.say(text, voice, seconds)], n)
    for k, (name, make) in enumerate(BURSTS.items()):
        yield from _over("verdict", name, "none", [make(100 * n + k)], n)


def stops(clips: Clips, n: int) -> Iterable[Case]:
    """One word that means it."""
    for voice in (*clips.voices, *STOP_VOICES):
        if voice != HUMAN:
            yield from _over("stop", "stop", "stop", [clips.say("stop", voice)], n)


def _over(part: str, kind: str, known: str, clips: Sequence[Clip], n: int) -> Iterable[Case]:
    for clip in clips:
        for noise, snr in NOISES.items():
            level = SPEECH_LEVEL if clip.voice in BURSTS else None
            for ear, agent in (("oracle", oracle(known)), ("embedded", "embedded ear")):
                yield taped(
                    part, f"{kind}, {noise}, {ear}", agent, [clip], n,
                    over=True, snr=snr, level=level,
                )  # fmt: skip


def judged(line: Line, case: Case) -> dict[str, Any]:
    """Whether the agent stopped for good, when, and why."""
    onset, ended = (line.spoken(at) for at in case.marks[0])
    heard = Heard(line.chunks)
    lost = [
        at
        for at, event in line.events
        if event["type"] == "response.done" and event["response"]["status"] == "cancelled"
    ]
    return {
        "wanted": case.kind.startswith(WANTED),
        "cancelled": any(at >= onset for at in lost),
        "before": any(at < onset for at in lost),
        "cancel_ms": ms(min((at for at in lost if at >= onset), default=None), onset),
        "silent_ms": ms(heard.silent(onset), onset) if lost else None,
        "gap_ms": None if lost else round(heard.longest_silence(onset, ended + 1.5) * 1000),
        "why": [event["why"] for event in line.of("talkover.decision")],
        "said": words(line),
    }


def rates(runs: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Both error rates in %, by what was wanted, noise and recogniser; of any runs of `judged`."""
    counts: dict[str, Counter[str]] = {}
    for run in runs:
        kind, _, where = run["kind"].partition(", ")
        name = f"stop, {where}" if kind == "stop" else where
        count = counts.setdefault(name, Counter())
        side = "real" if run["wanted"] else "other"
        count[side] += 1
        if run["before"] or run["cancelled"] != run["wanted"]:
            count[f"{side} wrong"] += 1
    return {name: _rates(count) for name, count in counts.items()}


def _rates(count: Counter[str]) -> dict[str, Any]:
    wrong, total = count["real wrong"] + count["other wrong"], count["real"] + count["other"]
    return {
        "barge_ins": count["real"], "missed": count["real wrong"],
        "missed_percent": percent(count["real wrong"], count["real"]),
        "sounds": count["other"], "false": count["other wrong"],
        "false_percent": percent(count["other wrong"], count["other"]),
        "wrong_percent": percent(wrong, total),
    }  # fmt: skip


_COLUMNS = ("wanted", "cancelled", "cancel_ms", "gap_ms")
VERDICT = Part(verdicts, judged, _COLUMNS)
STOP = Part(stops, judged, _COLUMNS)
