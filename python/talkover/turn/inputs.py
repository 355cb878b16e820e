"""What the turn machine is told. Times are seconds on the session's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal["turn_detected", "client_cancelled"]


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user's voice began; `at` is its first voiced sample.

    `echo_db`: how loud the agent's echo is within all that the microphone hears (0 dB: it is all
    of it), at most; None where no echo is known.
    """

    at: float
    echo_db: float | None = None


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The user's voice ended; `at` is its last voiced sample."""

    at: float


@dataclass(frozen=True, slots=True)
class Heard:
    """Words of the utterance so far.

    `complete`: they end a thought (None: nobody knows). Not `sure`: the recogniser guesses.
    """

    text: str
    final: bool
    complete: bool | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Likely:
    """An end-of-turn model's opinion of the pause: the turn is over with this probability."""

    probability: float


@dataclass(frozen=True, slots=True)
class Commit:
    """The client ended the user's turn (push to talk)."""


@dataclass(frozen=True, slots=True)
class Clear:
    """The client threw away what the user said so far in this turn."""


@dataclass(frozen=True, slots=True)
class Create:
    """A reply is wanted now: `response.create`. It takes the place of one that is under way."""


@dataclass(frozen=True, slots=True)
class Say:
    """The agent has something to say unasked; it waits until nobody speaks."""


@dataclass(frozen=True, slots=True)
class Due:
    """There is something to answer though nobody spoke: a tool's result, another agent's floor.

    The next answer is to that too; else it is answered as soon as nobody speaks. `soon`: an answer
    that is being spoken ends with its sentence.
    """

    soon: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What was due is in the answer that is being thought up."""


@dataclass(frozen=True, slots=True)
class SentenceEnded:
    """A reply that was to end with its sentence has come to the end of one, and has more."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Aside:
    """The agent has something to say while the user speaks, without taking the turn."""


@dataclass(frozen=True, slots=True)
class Speak:
    """A model that owns the floor speaks, whoever else does."""


@dataclass(frozen=True, slots=True)
class CancelReply:
    """The client cancelled the reply or cleared the output."""


@dataclass(frozen=True, slots=True)
class Ducked:
    epoch: int


@dataclass(frozen=True, slots=True)
class Held:
    epoch: int


@dataclass(frozen=True, slots=True)
class Resumed:
    epoch: int


@dataclass(frozen=True, slots=True)
class Guarded:
    """The agent's voice enters (or leaves) a span that may not be interrupted."""

    epoch: int
    on: bool


@dataclass(frozen=True, slots=True)
class Audible:
    """The first sample of the reply was sent."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The reply is over: all of it was played, or it had no sound, or it failed."""

    epoch: int


Input = (
    SpeechStarted | SpeechStopped | Heard | Likely | Commit | Clear | Create | Say | Due
    | Told | SentenceEnded | Aside | Speak | CancelReply
    | Ducked | Held | Resumed | Guarded | Audible | Ended
)  # fmt: skip
