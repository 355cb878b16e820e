"""What the caller does in a test, step by step, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict, cast

from ..errors import TalkoverError

When = Literal["at", "after_line", "after_audible", "after_silence", "unasked"]
SILENCE_S = 0.5
"""Politeness: the pause before the caller speaks where a step says nothing else."""


@dataclass(frozen=True, slots=True)
class Cue:
    """`at`: that second of the call. `after_line`: so long after the caller's last step.
    `after_audible`: so far into an answer. `after_silence`: so long after both fell silent.
    `unasked`: when the agent speaks up, beside its answer to the last step.
    """

    when: When = "after_silence"
    seconds: float = SILENCE_S


class Cues(TypedDict, total=False):
    """The ways to give a cue; one of them."""

    at: float
    after_line: float
    after_audible: float
    after_silence: float


def cue(given: Cues) -> Cue:
    """The cue that is given, or the polite one."""
    if not given:
        return Cue()
    if len(given) > 1:
        raise TalkoverError(f"A step has one cue; this one has {' and '.join(given)}.")
    ((when, seconds),) = given.items()
    if not isinstance(seconds, (int, float)) or seconds < 0:
        raise TalkoverError(f"{when}={seconds!r}: a cue is a number of seconds, 0 or more.")
    return Cue(cast(When, when), float(seconds))


@dataclass(frozen=True, slots=True, eq=False)
class Speak:
    """Words, and pauses in seconds between them; `noise` is a voice without words."""

    cue: Cue
    parts: tuple[str | float, ...]
    pace: float
    noise: float = 0.0

    def __str__(self) -> str:
        shown = [part if isinstance(part, str) else "…" for part in self.parts]
        return " ".join(shown) or "(noise)"


@dataclass(frozen=True, slots=True, eq=False)
class Play:
    """A real sound, through the real voice detector; `words` are what is said in it."""

    cue: Cue
    pcm: bytes
    rate: int
    words: str

    def __str__(self) -> str:
        return self.words or "(sound)"


@dataclass(frozen=True, slots=True, eq=False)
class Send:
    """Client events, as they would go over the data channel."""

    cue: Cue
    events: tuple[dict[str, Any], ...]
    shown: str

    def __str__(self) -> str:
        return self.shown


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """The camera shows this picture (WebP) from then on; None: it is turned off."""

    cue: Cue
    webp: bytes | None

    def __str__(self) -> str:
        return "(turns the camera off)" if self.webp is None else "(films)"


@dataclass(frozen=True, slots=True, eq=False)
class Wait:
    cue: Cue

    def __str__(self) -> str:
        waits = self.cue.when == "after_line"
        return f"(waits {self.cue.seconds:g} s)" if waits else "(listens)"


Step = Speak | Play | Send | Film | Wait


def typing(text: str) -> tuple[dict[str, Any], ...]:
    """The events of a client that asks in writing."""
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return {"type": "conversation.item.create", "item": item}, {"type": "response.create"}
