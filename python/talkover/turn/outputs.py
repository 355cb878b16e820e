"""What the turn machine wants done, in this order. Times are seconds on the session's clock.

`why` is the decision in words, made of its inputs alone: it goes into the trace of the turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .inputs import Reason

Cause = Literal["turn", "create", "due", "say", "aside", "backchannel", "live"]


@dataclass(frozen=True, slots=True)
class BeginTurn:
    """The user has the floor since `at`; `words` were understood before that was known."""

    turn: int
    at: float
    words: str = ""


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """The user's turn is over: its last voiced sample was at `end`."""

    turn: int
    end: float
    why: str


@dataclass(frozen=True, slots=True)
class ReopenTurn:
    """The user went on since `at`, before the answer sounded: the committed turn is open again."""

    turn: int
    at: float
    words: str = ""


@dataclass(frozen=True, slots=True)
class DiscardTurn:
    """There was nothing in it: no item, no answer."""

    turn: int
    why: str


@dataclass(frozen=True, slots=True)
class PrepareReply:
    """Think up the answer to `words` and the sound of its beginning; nobody hears of it yet."""

    epoch: int
    words: str


@dataclass(frozen=True, slots=True)
class ConfirmReply:
    """What was prepared is the answer: let it be heard."""

    epoch: int


@dataclass(frozen=True, slots=True)
class DiscardReply:
    """What was prepared is not wanted; nobody knows of it."""

    epoch: int


@dataclass(frozen=True, slots=True)
class StartReply:
    epoch: int
    cause: Cause


@dataclass(frozen=True, slots=True)
class WithholdReply:
    """The user makes a sound before the answer is heard: it stays back until that is decided."""

    epoch: int


@dataclass(frozen=True, slots=True)
class CancelReply:
    """Flush first, then cancel its task."""

    epoch: int
    reason: Reason
    why: str


@dataclass(frozen=True, slots=True)
class EndSentence:
    """Tell by `SentenceEnded` when the reply comes to the end of a sentence."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Resume:
    """A false alarm: go on from where the voice was held, or let go what was withheld."""

    epoch: int
    why: str


@dataclass(frozen=True, slots=True)
class Backchannel:
    """The user said "mm-hm" or the like over the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """What the user just said is nobody's turn; forget it."""


Output = (
    BeginTurn | CommitTurn | ReopenTurn | DiscardTurn | PrepareReply | ConfirmReply | DiscardReply
    | StartReply | WithholdReply | CancelReply | EndSentence | Resume | Backchannel | Ignore
)  # fmt: skip
