"""One call of the duplex benchmark: which agent is called and what is said where on the tape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .line import Line
from .noise import pink, rms, scaled
from .speech import Clip, Tape, recorded, spoken

PAUSE_S = 0.7
LEAD_S = 1.5
"""Of room noise before the first onset: a detector needs to know the room."""
ROOM_S = 2.0
"""Of a noisy room, before the agent is asked to speak."""
REST_S = 2.5
"""The tape goes on for so long after the last word."""
HUMAN_EACH = 3
"""Prompts a repetition, for one voice among six."""
PROMPTS = ("conf-errormenu", "number-not-answering", "queue-thankyou", "vm-nomore",
           "confbridge-conf-end", "sorry-youre-having-problems", "from-unknown-caller",
           "vm-deleted")  # fmt: skip
"""Said in one breath: no pause of more than 40 ms within."""


@dataclass(frozen=True, slots=True)
class Case:
    """One repetition.

    `over`: the agent speaks when the first clip begins. The tape begins when its answer is heard,
    or, in a noisy room, `room_s` seconds before it is asked for. `marks` are the begin and end of
    each clip on the tape, seconds.
    """

    part: str
    kind: str
    agent: str
    voice: str
    tape: Tape
    marks: tuple[tuple[float, float], ...]
    over: bool
    room_s: float = 0.0


class Clips:
    """Renders each clip once."""

    def __init__(self, voices: Sequence[str], folder: Path) -> None:
        self.voices, self.folder = voices, folder
        self._made: dict[Any, Clip] = {}

    def say(self, text: str, voice: str, seconds: float | None = None) -> Clip:
        key = (text, voice, seconds)
        if key not in self._made:
            self._made[key] = spoken(text, voice, self.folder, seconds)
        return self._made[key]

    def prompts(self, n: int) -> list[Clip]:
        """Those of the n-th repetition."""
        first = n * HUMAN_EACH
        return [self.prompt(PROMPTS[k % len(PROMPTS)]) for k in range(first, first + HUMAN_EACH)]

    def prompt(self, name: str, language: str = "en") -> Clip:
        key = (name, language)
        if key not in self._made:
            self._made[key] = recorded(name, language)
        return self._made[key]


@dataclass(frozen=True, slots=True)
class Part:
    """A scenario: the calls of the n-th repetition, what one of them showed, what is printed."""

    cases: Callable[[Clips, int], Iterable[Case]]
    score: Callable[[Line, Case], dict[str, Any]]
    columns: tuple[str, ...]


def taped(
    part: str,
    kind: str,
    agent: str,
    clips: Sequence[Clip],
    n: int,
    *,
    over: bool,
    snr: float | None = None,
    level: float | None = None,
) -> Case:
    """A case whose clips come one pause after another.

    `snr`: pink noise so many dB below the first clip, or below an RMS of `level`, all the time.
    """
    tape = Tape(n)
    room_s = ROOM_S if over and snr is not None else 0.0
    # Repetitions begin at different places of a 20 ms packet and a 16 ms step.
    tape.silence(room_s + LEAD_S + 0.0073 * n)
    marks = [tape.say(clips[0])]
    for clip in clips[1:]:
        tape.silence(PAUSE_S)
        marks.append(tape.say(clip))
    tape.silence(REST_S)
    if snr is not None:
        noise = scaled(pink(tape.length, n), (level or rms(clips[0].samples)) / 10 ** (snr / 20))
        tape.cover(noise)
    return Case(part, kind, agent, clips[0].voice, tape, tuple(marks), over, room_s)


def ms(at: float | None, since: float) -> float | None:
    """Milliseconds from `since` to `at`."""
    return None if at is None else round((at - since) * 1000, 1)


def words(line: Line) -> str:
    """What the recogniser understood, turn by turn."""
    said = line.of("conversation.item.input_audio_transcription.completed")
    return " | ".join(event["transcript"] for event in said)
