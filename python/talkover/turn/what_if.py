"""Which decisions of a trace other turn settings would have changed. Pure.

The recorded user heard the recorded agent. Under other settings the agent behaves otherwise, and
from then on nobody knows what the user would have said; so no whole conversation is simulated.

Claimed: each moment (`trace.moments`) begins from the recorded state, under the other settings, and
is compared decision by decision up to the first that differs in kind or time. Beyond it, only the
caller's own voice and words go on, as recorded, until the other settings decide too, or the user
begins anew. With the recorded settings nothing differs, whatever the trace.

Not claimed: what would have come of a changed decision, and whether the user would have spoken on
where the agent would have spoken earlier. After a difference the news of the recorded agent's voice
(audible, held, ended) is told no longer: this agent would not have spoken like that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import inputs as i
from .machine import Timeout, TurnMachine
from .policy import NORMAL, TurnPolicy
from .trace import Decision, Given, Step, begins, decisions, feed


@dataclass(frozen=True, slots=True)
class Change:
    """The first decision of a moment that differs; None: nothing was (would be) decided.

    `spoke_on`: the user's voice went on at this time, after the earlier of the two.
    """

    moment: int
    was: Decision | None
    would: Decision | None
    spoke_on: float | None = None


def what_if(steps: Iterable[Step], settings: Mapping[str, Any]) -> list[Change]:
    """The changes that turn settings (fields of TurnPolicy) would have made."""
    machine = TurnMachine(NORMAL)
    branch: _Branch | None = None
    found: list[Change] = []
    number = 0
    for step in steps:
        if begins(machine, step.given):
            if branch is not None:
                branch.run_until(step.now)
                found += branch.change(spoke_on=step.now)
            number += 1
            branch = _Branch(number, machine, settings)
        due, epoch = machine.deadline(), machine.epoch
        made = feed(machine, step.now, step.given)
        if branch is not None:
            branch.take(step, due, epoch)
            branch.compare(list(decisions(replace(step, made=made))))
    if branch is not None:
        branch.run_out()
        found += branch.change()
    return found


class _Branch:
    """A moment under other settings, beside the recorded machine that it left."""

    def __init__(self, moment: int, machine: TurnMachine, settings: Mapping[str, Any]) -> None:
        self._moment, self._settings = moment, settings
        self._machine = machine.fork(replace(machine.policy, **settings))
        self._own: list[Decision] = []
        self._was: Decision | None = None
        self._would: Decision | None = None
        self._spoke_on: float | None = None
        self._differs = False

    def take(self, step: Step, due: float | None, epoch: int) -> None:
        """One recorded step, before which the recorded machine had this deadline and epoch."""
        if self._decided:
            return
        self.run_until(step.now, due)
        if (self._differs or self._own) and isinstance(step.given, i.SpeechStarted):
            self._spoke_on = self._spoke_on or step.now
        given = self._fitting(step.given, epoch)
        # A deadline that both have passes when the recording's did, which was never early.
        passed = not isinstance(given, Timeout) or self._machine.deadline() == due
        if given is not None and passed:
            self._give(step.now, given)

    def compare(self, made: list[Decision]) -> None:
        """Against what the recorded machine decided in the same step."""
        own, self._own = self._own, []
        if not self._differs:
            for was, would in zip(made, own, strict=False):
                if (was.what, was.at) != (would.what, would.at):
                    break
                made, own = made[1:], own[1:]
            self._differs = bool(made or own)
        if self._differs:
            self._was = self._was or next(iter(made), None)
            self._would = self._would or next(iter(own), None)

    def run_until(self, now: float, both: float | None = None) -> None:
        """Let deadlines pass in virtual time, up to one that the recorded machine has too."""
        while (due := self._machine.deadline()) is not None and due <= now and due != both:
            self._give(due, Timeout())

    def run_out(self) -> None:
        """Nothing more was recorded: wait for what is still undecided."""
        if self._differs and self._would is None:
            due = self._machine.deadline()
            while due is not None and not self._own:
                self._give(due, Timeout())
                due = self._machine.deadline()

    def change(self, spoke_on: float | None = None) -> list[Change]:
        """What differed, now that the moment is over because the user began anew, or at the end."""
        self.compare([])
        if not self._differs:
            return []
        spoke_on = None if self._decided else spoke_on
        return [Change(self._moment, self._was, self._would, self._spoke_on or spoke_on)]

    @property
    def _decided(self) -> bool:
        return self._was is not None and self._would is not None

    def _give(self, now: float, given: Given) -> None:
        made = feed(self._machine, now, given)
        self._own += decisions(Step(now, given, made))

    def _fitting(self, given: Given, epoch: int) -> Given | None:
        """The input as it is for this machine, or None where it belongs to the recorded agent."""
        match given:
            case TurnPolicy():
                return replace(given, **self._settings)
            case i.SpeechStarted() | i.SpeechStopped() | i.Heard() | i.Likely() | Timeout():
                return given
            case _ if self._differs:
                return None
            case i.Ducked() | i.Held() | i.Resumed() | i.Guarded() | i.Audible() | i.Ended():
                # Speculation may have counted other epochs here.
                live = given.epoch == epoch
                return replace(given, epoch=self._machine.epoch) if live else None
            case _:
                return given
