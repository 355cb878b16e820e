"""The numbers by which the floor is given, and their presets."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

Interruptions = Literal["yes", "no", "overlap"]


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """Milliseconds. Waits for the end of a turn count from the last voiced sample."""

    mode: Literal["vad", "manual"] = "vad"
    create_response: bool = True
    interruptions: Interruptions = "yes"
    silence_complete_ms: int = 96
    """After words that complete a thought."""
    silence_ms: int = 350
    """After words that may or may not."""
    silence_no_words_ms: int = 600
    """While no words are known."""
    silence_incomplete_ms: int = 1200
    """After words that trail off."""
    silence_most_ms: int = 2500
    """The longest wait for the words themselves."""
    interrupt_ms: int = 600
    """Voice over the agent's voice that interrupts whatever its words."""
    interrupt_words: int = 2
    """Content words that interrupt at once."""
    early_ms: int = 300
    """The first moments of the agent's voice, in which the user may just be ending."""
    early_interrupt_ms: int = 250
    """Voice needed then."""
    decide_ms: int = 500
    """After the voice over the agent's ended: the wait for its words, then the agent goes on."""


NORMAL = TurnPolicy()

_PRESETS: dict[str, dict[str, Any]] = {
    "eager": {
        "silence_complete_ms": 64,
        "silence_ms": 250,
        "silence_no_words_ms": 450,
        "silence_incomplete_ms": 900,
    },
    "normal": {},
    "patient": {
        "silence_complete_ms": 300,
        "silence_ms": 800,
        "silence_no_words_ms": 1200,
        "silence_incomplete_ms": 2500,
        "silence_most_ms": 4000,
        "interrupt_ms": 800,
    },
    "push_to_talk": {"mode": "manual"},
}


def policy(turns: str | dict[str, Any], base: TurnPolicy = NORMAL) -> TurnPolicy:
    """A preset's name, or settings, over `base`. ValueError names what is wrong."""
    if isinstance(turns, str):
        if turns not in _PRESETS:
            raise ValueError(f"{turns!r} is no preset; use one of {', '.join(_PRESETS)}.")
        return replace(base, **_PRESETS[turns])
    known = {field.name for field in fields(TurnPolicy)}
    for name, value in turns.items():
        if name not in known:
            raise ValueError(f"{name!r} is no turn setting; known: {', '.join(sorted(known))}.")
        if name.endswith("_ms") and (not isinstance(value, int) or not 0 <= value <= 30000):
            raise ValueError(f"{name} must be milliseconds from 0 to 30000, not {value!r}.")
    return replace(base, **turns)
