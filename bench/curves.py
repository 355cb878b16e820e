"""Both errors of a trade as curves, in virtual time: whole sessions, the real voice detector on
real sound, one setting after the other.

`ends`: answers that cut a person off in a pause, against the silence before the other answers.
`stops`: sounds that stopped the agent, against barge-ins that did not.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import structlog

from talkover import Agent, Audio
from talkover.engines.base import Words
from talkover.testing import ScriptedEar, ScriptedLlm, SteadyVoice, Talk
from talkover.testing.engines import EarStream, Spoken
from talkover.turn.policy import NORMAL

from .case import PROMPTS, Clips
from .languages import available, in_pieces, text_of
from .minutes import BELOW_DB, crowd
from .noise import BURSTS, music, pink, rms, scaled
from .report import percent, say, spread, table
from .scoring import voiced
from .speech import HUMAN, RATE, Clip, Samples, Tape
from .verdicts import AGREEMENT, NOISES, REAL, SPEECH_LEVEL, STOP_VOICES, WANTED

SILENCES_MS = (150, 200, 250, 300, 350, 400, 450, 500, 600, 800, 1000)
LIMITS_MS = (200, 400, 600, 800, 1000, 1200, 1600, 2000)
QUIET_S, TAIL_S = 0.5, 0.6
ASKED_S = 2.0
"""Of the room, before the agent is asked to speak."""
OVER_S = ASKED_S + 1.5
"""Of the room, before somebody speaks over the agent."""
STORY = "Once there was a lighthouse keeper who talked to ships every evening. " * 4
PIECES = 4
"""Of babble and of music, and bursts of each kind."""
PIECE_S = 8.0
LONG_AGREEMENT = (("mm hm", 0.6), ("yeah", 0.6), ("mm hm", 0.8))
NEVER_S = 1e6
VOWEL_DB = 12.0


class Told(ScriptedEar):
    """Knows what is said when, on the loop's clock."""

    def __init__(self, words: Sequence[Spoken], *, partials: bool, partial: float, final: float):
        super().__init__(partial=partial, final=final)
        self.info = replace(self.info, partials=partials)
        self._told = words

    def open(self, language: str, on_words: Callable[[Words], None]) -> EarStream:
        stream = super().open(language, on_words)
        stream.say(self._told)
        return stream


def streaming(words: Sequence[Spoken]) -> Told:
    """Words as they come, 120 ms after they end."""
    return Told(words, partials=True, partial=0.12, final=0.08)


def batch(words: Sequence[Spoken]) -> Told:
    """Words 300 ms after the voice ends, none before."""
    return Told(words, partials=False, partial=NEVER_S, final=0.3)


def wordless(words: Sequence[Spoken]) -> Told:
    """A recogniser that never understands a word."""
    return Told((), partials=True, partial=NEVER_S, final=0.08)


EARS = {"streaming": streaming, "batch": batch, "never": wordless}


@dataclass(frozen=True, slots=True)
class Sound:
    """What a microphone hears; `words` on its own clock, `onset` and `end` of what is meant."""

    kind: str
    samples: Samples
    words: tuple[Spoken, ...]
    onset: float
    end: float

    @property
    def wanted(self) -> bool:
        return self.kind in WANTED


# ---- the end of a turn -----------------------------------------------------------------------


def ends(clips: Clips, each: int) -> dict[str, Any]:
    """Human prompts with pauses within, by the silence that ends a turn after neutral words."""
    _quiet()
    kinds = {"words say nothing": False, "English, words known": True}
    found: dict[str, Any] = {}
    for kind, known in kinds.items():
        languages = ["en"] if known else available()
        sounds = [_paused(clips, name, language, known) for language in languages
                  for name in in_pieces(clips, language, each)]  # fmt: skip
        say(f"curve: {len(sounds)} prompts, {kind}")
        rows = [_ended(sounds, silence) for silence in SILENCES_MS]
        found[kind] = {"prompts": len(sounds), "rows": rows, "knee": bend(rows)}
    return found


def _paused(clips: Clips, name: str, language: str, known: bool) -> Sound:
    clip = clips.prompt(name, language)
    text = text_of(name, language).lower() if known else "word " * round(clip.seconds * 2.5)
    words = [word.strip('.,!?"') for word in text.split()]
    return on_tape("real", clip, words, before=QUIET_S)


def _ended(sounds: Sequence[Sound], silence_ms: int) -> dict[str, Any]:
    turns = {"silence_ms": silence_ms, "silence_likely_ms": min(200, silence_ms)}
    cut, waits = 0, list[float]()
    for sound in sounds:
        talk = _talk(turns, streaming(sound.words), "I see.")
        step = talk.play(Audio(sound.samples.tobytes(), RATE), "", at=0.0)
        result = talk.run()
        begun = [reply.began for reply in result.replies if reply.began is not None]
        end = result.began(step) + sound.end
        cut += any(began < end for began in begun)
        after = [began - end for began in begun if began >= end]
        if after and not any(began < end for began in begun):
            waits.append(after[0] * 1000)
    return {
        "silence_ms": silence_ms, "cut_off_percent": percent(cut, len(sounds)),
        "answer_ms": spread(waits),
    }  # fmt: skip


def bend(rows: Sequence[dict[str, Any]]) -> int | None:
    """The setting nearest to no error and no wait, both taken from the least to the most."""
    points = [(row["answer_ms"]["p50"], row["cut_off_percent"], row["silence_ms"])
              for row in rows if row["answer_ms"]["p50"] is not None]  # fmt: skip
    if not points:
        return None
    (least, most), (good, bad) = (
        (min(p[n] for p in points), max(p[n] for p in points)) for n in (0, 1)
    )

    def far(point: tuple[float, float, int]) -> float:
        wait = (point[0] - least) / (most - least or 1)
        return wait**2 + ((point[1] - good) / (bad - good or 1)) ** 2

    return min(points, key=far)[2]


# ---- an interruption -------------------------------------------------------------------------


def stops(clips: Clips, each: int) -> dict[str, Any]:
    """Barge-ins and other sounds over the agent's voice, by the voice that interrupts."""
    _quiet()
    found: dict[str, Any] = {}
    for noise, snr in NOISES.items():
        sounds = list(_sounds(clips, snr, each))
        for name, ear in EARS.items():
            say(f"curve: {len(sounds)} sounds, {noise}, {name}")
            rows = [stopped(sounds, ear, limit) for limit in LIMITS_MS]
            found[f"{noise}, {name}"] = {"rows": rows, "knee": least(rows)}
    return found


def _sounds(clips: Clips, snr: float | None, each: int) -> Iterable[Sound]:
    voices = [voice for voice in clips.voices if voice != HUMAN]
    for k, voice in enumerate(voices):
        for n in range(each):
            text = REAL[(n + k) % len(REAL)]
            yield on_tape("real", clips.say(text, voice), text.split(), snr)
        for kind, said in (("agreement", AGREEMENT), ("long agreement", LONG_AGREEMENT)):
            for text, seconds in said[k % 2 :: 2]:
                yield on_tape(kind, clips.say(text, voice, seconds), text.split(), snr)
    for voice in (*voices, *STOP_VOICES):
        yield on_tape("stop", clips.say("stop", voice), ["stop"], snr)
    for name in PROMPTS if HUMAN in clips.voices else ():
        yield on_tape("real", clips.prompt(name), "tell me something else".split(), snr)
    for n in range(PIECES):
        for k, (name, make) in enumerate(BURSTS.items()):
            yield on_tape(name, make(100 * n + k), [], snr, SPEECH_LEVEL)
        length = round((OVER_S + PIECE_S) * RATE)
        for name, noise in (("babble", crowd(clips, length, n)), ("music", music(length, n))):
            lower = scaled(noise, SPEECH_LEVEL / 10 ** (BELOW_DB / 20))
            yield on_tape(name, Clip(name, lower.round().astype("int16")), [], before=0.0)


def stopped(
    sounds: Sequence[Sound], ear: Callable[[Sequence[Spoken]], Told], limit_ms: int
) -> dict[str, Any]:
    turns = {"interrupt_ms": limit_ms, "interrupt_wordless_ms": limit_ms}
    wrong: Counter[str] = Counter()
    gone: list[float] = []
    for sound in sounds:
        talk = _talk(turns, ear(sound.words), STORY)
        talk.play(Audio(sound.samples.tobytes(), RATE), "", at=0.0)
        talk.typed("go on", at=ASKED_S)
        result = talk.run()
        # What the noise began earlier was stopped by the question.
        ended = [r.ended for r in result.replies if r.interrupted and r.ended is not None]
        cut = next((at for at in ended if at > ASKED_S + 0.2), None)
        wrong[sound.kind] += (cut is not None) != sound.wanted
        if sound.wanted and cut is not None:
            last = max(heard.end for heard in result.sound if heard.begin < cut)
            gone.append((last - sound.onset) * 1000)
    real = sum(sound.wanted for sound in sounds)
    missed = sum(count for kind, count in wrong.items() if kind in WANTED)
    false = wrong.total() - missed
    return {
        "interrupt_ms": limit_ms,
        "missed_percent": percent(missed, real),
        "false_percent": percent(false, len(sounds) - real),
        "gone_ms": spread(gone),
        "wrong": {kind: count for kind, count in wrong.items() if count},
    }  # fmt: skip


def least(rows: Sequence[dict[str, Any]]) -> int:
    """The setting with the fewest errors of both kinds; of equals, the one soonest gone."""
    best = min(
        rows, key=lambda r: (r["missed_percent"] + r["false_percent"], r["gone_ms"]["p95"] or 1e9)
    )
    return best["interrupt_ms"]


# ---- in common -------------------------------------------------------------------------------


def on_tape(
    kind: str,
    clip: Clip,
    words: Sequence[str],
    snr: float | None = None,
    level: float = 0.0,
    before: float = OVER_S,
) -> Sound:
    """The words are spread evenly over the clip's vowels: where each begins is not known, and a
    word is understood before its last consonant has died away."""
    tape = Tape(len(clip.samples))
    tape.silence(before)
    onset, end = tape.say(clip)
    tape.silence(TAIL_S)
    if snr is not None:
        noise = pink(tape.length, len(clip.samples))
        tape.cover(scaled(noise, (level or rms(clip.samples)) / 10 ** (snr / 20)))
    times = voiced(clip.samples, RATE, VOWEL_DB)
    edges = [
        onset + times[k * (len(times) - 1) // max(1, len(words))] for k in range(len(words) + 1)
    ]
    told = tuple(Spoken(word, *edge) for word, edge in zip(words, pairwise(edges), strict=True))
    return Sound(kind, tape.samples(), told, onset, end)


def _talk(turns: dict[str, Any], ear: Told, answer: str) -> Talk:
    model = ScriptedLlm({"": answer}, first=0.0, pace=0.0)
    return Talk(Agent("x", turns=turns), llm=model, ear=ear, tts=SteadyVoice(first=0.0))


def _quiet() -> None:
    """A thousand calls that begin and end say nothing of it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def show(part: str, curve: Mapping[str, Any]) -> None:
    """A table a line of the curve, with its knee and the setting that we ship."""
    setting = {"ends": "silence_ms", "stops": "interrupt_ms"}[part]
    ours = getattr(NORMAL, setting)
    for name, line in curve.items():
        rows: list[list[Any]] = []
        for row in line["rows"]:
            here = "knee" * (row[setting] == line["knee"]) + " ours" * (row[setting] == ours)
            shown = [row[key]["p50"] if key.endswith("_ms") and key != setting else row[key]
                     for key in row]  # fmt: skip
            rows.append([*shown, here.strip() or None])
        head = [*(key.replace("_", " ") for key in line["rows"][0]), ""]
        table(f"{part}: {name} (virtual time; ms are p50)", head, rows)
