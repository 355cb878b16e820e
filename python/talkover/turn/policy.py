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
    silence_likely_ms: int = 200
    """After words that may or may not, where an end-of-turn model hears the end."""
    silence_ms: int = 450
    """After words that may or may not. Of the pauses of 200 ms and more that people make within a
    sentence, 350 cuts 72 in 100 and 450 cuts 30."""
    silence_no_words_ms: int = 600
    """While no words are known."""
    silence_incomplete_ms: int = 1200
    """After words that trail off."""
    silence_dictating_ms: int = 1500
    """After digits: a number is said in groups."""
    silence_most_ms: int = 2500
    """The longest wait for the final words where some are known."""
    unheard_ms: int = 800
    """A turn this long is answered though no word of it was understood: the model is told so."""
    speculate: bool = True
    """Prepare the answer while the pause may still be a pause."""
    interrupt_ms: int = 1000
    """Voice over the agent's voice that interrupts whatever its words."""
    interrupt_wordless_ms: int = 1200
    """The same, where a recogniser that tells words as they come told none: it may be noise."""
    interrupt_words: int = 2
    """Content words that interrupt at once."""
    early_ms: int = 300
    """The first moments of the agent's voice, in which the user may just be ending."""
    early_interrupt_ms: int = 250
    """Voice needed then."""
    late_ms: int = 300
    """Voice that reopens the user's turn while the answer is still being thought up."""
    decide_ms: int = 500
    """After the voice over the agent's ended: the wait for its words, then the agent goes on."""
    cough_ms: int = 600
    """A voice shorter than this may be a cough; the words of a longer one are waited for as long as
    those of a turn."""
    noise_ms: int = 8000
    """A turn without a word for so long is noise, where words are told as they come."""
    turn_most_s: int = 120
    """The longest turn, in seconds; a voice detector that is stuck must not keep the floor."""
    backchannel_ms: int = 0
    """In a turn this long the agent says "mm-hm" at a pause, and again after as long; 0: never."""
    partials: bool = True
    """The recogniser tells words as they come (an engine's property, set by the session)."""


NORMAL = TurnPolicy()

_PRESETS: dict[str, dict[str, Any]] = {
    "eager": {
        "silence_complete_ms": 64,
        "silence_likely_ms": 96,
        "silence_ms": 250,
        "silence_no_words_ms": 450,
        "silence_incomplete_ms": 900,
    },
    "normal": {},
    "patient": {
        "silence_complete_ms": 300,
        "silence_likely_ms": 500,
        "silence_ms": 800,
        "silence_no_words_ms": 1200,
        "silence_incomplete_ms": 2500,
        "silence_dictating_ms": 3000,
        "silence_most_ms": 4000,
        "interrupt_ms": 1200,
    },
    "push_to_talk": {"mode": "manual"},
}


NEXT_TURN: dict[str, dict[str, Any]] = {
    "number": {
        "silence_complete_ms": 1200,
        "silence_likely_ms": 1200,
        "silence_ms": 1500,
        "silence_no_words_ms": 2000,
        "silence_incomplete_ms": 2000,
        "silence_dictating_ms": 2000,
    },
    "word": {
        "silence_complete_ms": 64,
        "silence_likely_ms": 96,
        "silence_ms": 200,
        "silence_no_words_ms": 400,
        "silence_incomplete_ms": 600,
        "silence_dictating_ms": 600,
        "unheard_ms": 300,
    },
    "story": {
        "silence_complete_ms": 1200,
        "silence_likely_ms": 1500,
        "silence_ms": 2000,
        "silence_no_words_ms": 2500,
        "silence_incomplete_ms": 3500,
        "silence_most_ms": 5000,
    },
}
"""What the user is about to say: a number or a name that is spelt, said in groups; a word or two;
something long, with pauses to think."""


def next_turn(what: str | dict[str, Any]) -> dict[str, Any]:
    """The settings for what the user is about to say, by name or as they are. ValueError."""
    if isinstance(what, dict):
        policy(what)
        return what
    if what not in NEXT_TURN:
        raise ValueError(f"{what!r} is nothing to listen for; use one of {', '.join(NEXT_TURN)}.")
    return NEXT_TURN[what]


def policy(turns: str | dict[str, Any], base: TurnPolicy = NORMAL) -> TurnPolicy:
    """A preset's name, or settings, over `base`. ValueError names what is wrong."""
    if isinstance(turns, str):
        if turns not in _PRESETS:
            raise ValueError(f"{turns!r} is no preset; use one of {', '.join(_PRESETS)}.")
        return replace(base, **_PRESETS[turns])
    known = {field.name for field in fields(TurnPolicy)} - {"partials"}
    for name, value in turns.items():
        if name not in known:
            raise ValueError(f"{name!r} is no turn setting; known: {', '.join(sorted(known))}.")
        _check(name, value)
    return replace(base, **turns)


def _check(name: str, value: Any) -> None:
    if name == "turn_most_s":
        if not isinstance(value, int) or not 1 <= value <= 3600:
            raise ValueError(f"{name} must be seconds from 1 to 3600, not {value!r}.")
    elif name.endswith("_ms"):
        if not isinstance(value, int) or not 0 <= value <= 30000:
            raise ValueError(f"{name} must be milliseconds from 0 to 30000, not {value!r}.")
    elif name in ("speculate", "create_response"):
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, not {value!r}.")
    elif name == "interrupt_words":
        if not isinstance(value, int) or not 1 <= value <= 20:
            raise ValueError(f"{name} must be a number of words from 1 to 20, not {value!r}.")
    elif name == "mode" and value not in ("vad", "manual"):
        raise ValueError(f'mode must be "vad" or "manual", not {value!r}.')
    elif name == "interruptions" and value not in ("yes", "no", "overlap"):
        raise ValueError(f'interruptions must be "yes", "no" or "overlap", not {value!r}.')
