"""What came of one turn, from the caller's waveform and the server's ledger. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .hearing import Heard, missing, words_heard
from .ledger import Note
from .tones import WORD_S

SKIPPED_S = 0.5
"""The beginning of what is said waits for a voice detector's decision, not for a network."""
EAR_RATE = 16000
STILL_S = 0.1


@dataclass(slots=True)
class Turn:
    """One thing that the caller said, and the answer. Times are of the clock, in seconds."""

    began: float
    ended: float
    """When the first and the last sample of the question were spoken."""
    over: float = 0.0
    """When the answer was over, or the next question began."""
    long: bool = False
    """The question was the long one."""
    interrupts: bool = False
    """It was said over the answer before it."""
    cut: bool = False
    """Its answer was interrupted."""
    dark: tuple[float, float] | None = None
    """The network's blackout within the answer."""
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Of one turn; milliseconds. None: it does not apply, or was not heard."""

    answer_ms: float | None
    """From the last sample of the question to the first of the answer, at the caller's ear."""
    mouth_to_ear_ms: tuple[float, ...]
    """From the caller's mouth to the recogniser, for each piece of sound that it was given."""
    missing: float | None
    """Share of the answer that was late or lost; none of an answer that was interrupted."""
    silent_ms: float | None
    """From the onset of an interruption until the agent was no longer heard."""
    wasted_ms: float | None
    """Of the agent's voice that was made after the interruption's onset."""
    unheard_ms: float | None
    """Of the agent's voice that was made and never heard."""
    history_words: int | None
    """How many words more the model is told that it said than were heard."""
    recovery_ms: float | None
    """From the end of a blackout until sound came again; 0 where it never stopped."""
    long: bool
    """The question was the long one."""
    failed: str | None

    def shown(self) -> dict[str, Any]:
        return asdict(self)


def score(turn: Turn, before: Turn | None, heard: Heard, notes: Sequence[Note]) -> Score:
    """`notes` are all of the conversation; `before` is the turn that this one interrupts."""
    cut_off = before if turn.interrupts else None
    # What is heard while the caller speaks belongs to the answer before.
    first = heard.first(turn.ended)
    first = None if first is None or first >= turn.over else first
    silent = _silent(turn, heard) if cut_off is not None else None
    return Score(
        answer_ms=_ms(first, turn.ended),
        mouth_to_ear_ms=_mouth_to_ear(turn, first, notes),
        missing=None if turn.cut else round(missing(heard, turn.ended, turn.over), 4),
        silent_ms=silent,
        wasted_ms=None if cut_off is None else _made(notes, turn.began, turn.ended),
        unheard_ms=None if cut_off is None else _unheard(cut_off, turn, heard, notes),
        history_words=None if cut_off is None else _history(cut_off, turn, heard, notes),
        recovery_ms=_recovery(turn, heard),
        long=turn.long,
        failed=turn.failed,
    )


def _ms(one: float | None, since: float) -> float | None:
    return None if one is None else round((one - since) * 1000, 1)


def _silent(turn: Turn, heard: Heard) -> float:
    last = heard.last(turn.began, turn.ended)
    return max(0.0, _ms(last, turn.began) or 0.0)


def _made(notes: Sequence[Note], since: float, until: float) -> float:
    words = [note for note in notes if note["what"] == "spoke" and since <= note["at"] < until]
    return len(words) * WORD_S * 1000


def _unheard(cut_off: Turn, turn: Turn, heard: Heard, notes: Sequence[Note]) -> float:
    made = _made(notes, cut_off.began, turn.ended)
    seconds = sum(heard.seconds(cut_off.ended, turn.ended).values())
    return max(0.0, round(made - seconds * 1000, 1))


def _history(cut_off: Turn, turn: Turn, heard: Heard, notes: Sequence[Note]) -> int | None:
    told = [
        note["words"]
        for note in notes
        if note["what"] == "asked" and turn.began <= note["at"] < turn.over and note["words"]
    ]
    if not told:
        return None
    return told[-1][-1] - words_heard(heard, cut_off.ended, turn.ended)


def _mouth_to_ear(turn: Turn, first: float | None, notes: Sequence[Note]) -> tuple[float, ...]:
    until = turn.over if first is None else first
    found = [
        note
        for note in notes
        if note["what"] == "heard" and turn.began <= note["at"] < until and note["last_loud"]
    ]
    if not found:
        return ()
    last = found[-1]
    delays: list[float] = []
    for came, samples in last["came"]:
        spoken = turn.ended - (last["last_loud"] - samples) / EAR_RATE
        if turn.began + SKIPPED_S <= spoken <= turn.ended + 0.001:
            delays.append(round((came - spoken) * 1000, 1))
    if not delays and last["came"]:
        delays.append(round((last["came"][-1][0] - turn.ended) * 1000, 1))
    return tuple(delays)


def _recovery(turn: Turn, heard: Heard) -> float | None:
    if turn.dark is None:
        return None
    _, light = turn.dark
    last, next = heard.last(turn.ended, light), heard.first(light)
    if last is None or next is None or next >= turn.over:
        return None
    return 0.0 if next - last < STILL_S else _ms(next, light)
