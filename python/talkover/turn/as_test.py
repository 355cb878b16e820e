"""A moment of a trace as a test of the turn machine, in words that pytest runs. Pure.

The test begins at the nearest moment at which nobody spoke and nothing was owed, with turns and
replies counted from there and times in whole milliseconds, where the machine decides the same so;
otherwise it begins earlier and keeps every digit. It expects the outputs that were recorded; the
times in them, and in their reasons, follow the rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from .machine import Timeout, TurnMachine
from .policy import NORMAL, TurnPolicy
from .trace import Moment, Step, feed, moments, replay

IMPORTS = """\
from talkover.turn import inputs as i
from talkover.turn import outputs as o
from talkover.turn.machine import Timeout, TurnMachine
from talkover.turn.policy import TurnPolicy
from talkover.turn.trace import feed
"""


def as_test(steps: list[Step], number: int, about: str) -> str:
    """A module with one test, of the moment with this number; `about` says whence it is.

    ValueError: there is no such moment.
    """
    every = moments(steps)
    if not 1 <= number <= len(every):
        raise ValueError(f"There is no turn {number}; this call has {len(every)}.")
    moment = every[number - 1]
    policy, cut = next(_cuts(steps, moment, every[:number]))
    rows = "\n".join(_row(step) for step in cut)
    return (
        f'"""{_plain(about)}"""\n\n{IMPORTS}\n\n'
        f"def test_{_name(moment)}() -> None:\n"
        f"    machine = TurnMachine({_shown(policy, NORMAL)})\n"
        f"    for now, given, made in (\n{rows}\n    ):\n"
        f"        assert feed(machine, now, given) == made, f'{{now}} s: {{given}}'\n"
    )


def _cuts(
    steps: list[Step], moment: Moment, before: list[Moment]
) -> Iterator[tuple[TurnPolicy, list[Step]]]:
    """Ways to tell it, the best first; each runs as recorded, and the last is the whole trace."""
    end = moment.first + len(moment.steps)
    for start in (one.first for one in reversed(before)):
        machine = TurnMachine(NORMAL)
        for step in steps[:start]:
            feed(machine, step.now, step.given)
        if machine.agent != "listening":
            continue
        cut = list(_counted_from(machine, steps[start:end]))
        first = Step(0.0, machine.policy)
        for told in (list(_rounded(cut)), cut):
            ran = replay([first, *told])[1:]
            if list(map(_outline, ran)) == list(map(_outline, cut)):
                yield machine.policy, ran
    yield NORMAL, steps[:end]


def _counted_from(machine: TurnMachine, steps: list[Step]) -> Iterator[Step]:
    """Turns and replies by the numbers that a new machine gives; news of older ones left out."""

    def shifted(one: Any) -> Any:
        if isinstance(one, TurnPolicy | Timeout):
            return one
        names = {field.name for field in fields(one)}
        moved = {
            name: getattr(one, name) - getattr(machine, name)
            for name in ("epoch", "turn")
            if name in names
        }
        return replace(one, **moved)

    for step in steps:
        given = shifted(step.given)
        if getattr(given, "epoch", 0) >= 0:
            yield replace(step, given=given, made=tuple(map(shifted, step.made)))


def _rounded(steps: list[Step]) -> Iterator[Step]:
    now = 0.0
    for step in steps:
        given = step.given
        # A deadline that was rounded down would not have passed.
        exact = math.ceil(step.now * 1000) / 1000 if given == Timeout() else round(step.now, 3)
        now = max(now, exact)
        at = getattr(given, "at", None)
        yield Step(now, given if at is None else replace(given, at=round(at, 3)), step.made)


def _outline(step: Step) -> list[Any]:
    """What was done, without times and without reasons, which tell times."""
    return [
        (type(one), [getattr(one, name, None) for name in ("turn", "epoch", "words", "cause")])
        for one in step.made
    ]


def _name(moment: Moment) -> str:
    """Of its first decision: test_interrupt_at_4_420."""
    for one in moment.decisions:
        return f"{one.what}_at_{one.at:.3f}".replace(".", "_")
    return f"voice_at_{moment.at:.3f}".replace(".", "_")


def _row(step: Step) -> str:
    made = ", ".join(f"o.{_shown(one)}" for one in step.made)
    comma = "," if len(step.made) == 1 else ""
    where = "" if isinstance(step.given, Timeout | TurnPolicy) else "i."
    return f"        ({step.now!r}, {where}{_shown(step.given)}, ({made}{comma})),"


def _shown(one: Any, usual: Any = None) -> str:
    """As Python writes it, without what is as usual."""
    assert is_dataclass(one)
    given = ", ".join(
        f"{field.name}={getattr(one, field.name)!r}"
        for field in fields(one)
        if usual is None or getattr(one, field.name) != getattr(usual, field.name)
    )
    return f"{type(one).__name__}({given})"


def _plain(about: str) -> str:
    return about.replace("\\", "").replace('"', "'")
