"""What the turn machine wants done, in this order. Times are seconds on the session's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .inputs import Reason

Cause = Literal["turn", "create", "say", "aside"]


@dataclass(frozen=True, slots=True)
class BeginTurn:
    """The user has the floor since `at`; `words` were understood before that was known."""

    turn: int
    at: float
    words: str = ""


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """The user's turn is over: its last voiced sample was at `end`; `why` in words."""

    turn: int
    end: float
    why: str


@dataclass(frozen=True, slots=True)
class ReopenTurn:
    """The user went on before the answer sounded: the committed turn is open again."""

    turn: int


@dataclass(frozen=True, slots=True)
class DiscardTurn:
    """There was nothing in it: no item, no answer."""

    turn: int


@dataclass(frozen=True, slots=True)
class StartReply:
    epoch: int
    cause: Cause


@dataclass(frozen=True, slots=True)
class CancelReply:
    """Flush first, then cancel its task."""

    epoch: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Resume:
    """A false alarm: go on from where the voice was held."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Backchannel:
    """The user said "mm-hm" or the like over the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """What the user just said is nobody's turn; forget it."""


Output = (
    BeginTurn | CommitTurn | ReopenTurn | DiscardTurn | StartReply | CancelReply | Resume
    | Backchannel | Ignore
)  # fmt: skip
