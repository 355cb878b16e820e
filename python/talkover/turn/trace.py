"""What a turn machine was given and what it made of it, to be run again. Pure.

A trace is a list of steps; its first sets the policy. The machine reads no clock, so the same
steps through the same machine make the same decisions to the last digit: `replay`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from . import inputs as i
from . import outputs as o
from .machine import Timeout, TurnMachine
from .policy import NORMAL, TurnPolicy

Given = i.Input | Timeout | TurnPolicy
What = Literal["commit", "discard", "interrupt", "resume"]

_GIVEN: dict[str, type] = {one.__name__: one for one in (*get_args(i.Input), Timeout, TurnPolicy)}
_MADE: dict[str, type] = {one.__name__: one for one in get_args(o.Output)}


@dataclass(frozen=True, slots=True)
class Step:
    """At `now` (seconds) the machine got an input, its deadline, or another policy."""

    now: float
    given: Given
    made: tuple[o.Output, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    at: float
    what: What
    why: str


@dataclass(slots=True)
class Moment:
    """What the user once said or murmured, and all that came of it until the next such.

    `first` is the number of its first step; `at` is the first voiced sample.
    """

    number: int
    first: int
    at: float
    steps: list[Step] = field(default_factory=list[Step])

    @property
    def decisions(self) -> list[Decision]:
        return [one for step in self.steps for one in decisions(step)]


def feed(machine: TurnMachine, now: float, given: Given) -> tuple[o.Output, ...]:
    """One step of a machine: all that it makes of what it is given."""
    match given:
        case TurnPolicy():
            machine.policy = given
        case Timeout():
            machine.handle_timeout(now)
        case _:
            machine.handle(given, now)
    return tuple(machine.poll())


def replay(steps: Iterable[Step]) -> list[Step]:
    """The steps as a new machine takes them; equal where it decides as the recorded one did."""
    machine = TurnMachine(NORMAL)
    return [replace(step, made=feed(machine, step.now, step.given)) for step in steps]


def decisions(step: Step) -> Iterator[Decision]:
    for output in step.made:
        match output:
            case o.CommitTurn(_, _, why):
                yield Decision(step.now, "commit", why)
            case o.DiscardTurn(_, why):
                yield Decision(step.now, "discard", why)
            case o.CancelReply(_, _, why):
                yield Decision(step.now, "interrupt", why)
            case o.Resume(_, why):
                yield Decision(step.now, "resume", why)
            case _:
                pass


def begins(machine: TurnMachine, given: Given) -> bool:
    """Whether a moment begins: a voice, after everything before it was decided."""
    return isinstance(given, i.SpeechStarted) and machine.user == "silent"


def moments(steps: Iterable[Step]) -> list[Moment]:
    """The trace cut at the user's voice; what comes before the first belongs to none."""
    machine = TurnMachine(NORMAL)
    found: list[Moment] = []
    for number, step in enumerate(steps):
        if isinstance(step.given, i.SpeechStarted) and begins(machine, step.given):
            found.append(Moment(len(found) + 1, number, step.given.at))
        if found:
            found[-1].steps.append(step)
        feed(machine, step.now, step.given)
    return found


def encode(step: Step) -> dict[str, Any]:
    """A step as JSON has it: {"now": 4.18, "given": {"SpeechStarted": {"at": 4.1}}, "made": []}."""
    return {
        "now": step.now,
        "given": {type(step.given).__name__: asdict(step.given)},
        "made": [{type(one).__name__: asdict(one)} for one in step.made],
    }


def decode(shown: dict[str, Any]) -> Step:
    """The step that `encode` showed. ValueError for what this version does not know."""
    try:
        given = _one(shown["given"], _GIVEN)
        made = tuple(_one(one, _MADE) for one in shown["made"])
        return Step(float(shown["now"]), given, made)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"This version knows no such step ({error}).") from None


def _one(shown: dict[str, dict[str, Any]], known: dict[str, type]) -> Any:
    ((name, fields),) = shown.items()
    return known[name](**fields)
