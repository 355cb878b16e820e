"""A turn machine whose steps are kept, as a session records them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from talkover.turn import outputs as o
from talkover.turn.machine import Timeout, TurnMachine
from talkover.turn.policy import TurnPolicy
from talkover.turn.trace import Given, Step


class Recorded(TurnMachine):
    """Keeps what it is given and what is polled after it."""

    def __init__(self, policy: TurnPolicy) -> None:
        super().__init__(policy)
        self.steps = [Step(0.0, policy)]

    def handle(self, given: Any, now: float) -> None:
        self.steps.append(Step(now, given))
        super().handle(given, now)

    def handle_timeout(self, now: float) -> None:
        self.steps.append(Step(now, Timeout()))
        super().handle_timeout(now)

    def poll(self) -> list[o.Output]:
        made = super().poll()
        last = self.steps[-1]
        self.steps[-1] = replace(last, made=last.made + tuple(made))
        return made


class Call:
    """A recorded conversation; its timers are as late as a busy loop's."""

    def __init__(self, late_ms: float = 1.7, **settings: Any) -> None:
        self.machine = Recorded(TurnPolicy(**{"silence_ms": 350, **settings}))
        self.late = late_ms / 1000
        self.now = 0.0

    @property
    def steps(self) -> list[Step]:
        return self.machine.steps

    def at(self, ms: int, *given: Given) -> Call:
        while (due := self.machine.deadline()) is not None and due + self.late <= ms / 1000:
            self.now = max(self.now, due + self.late)
            self.machine.handle_timeout(self.now)
            self.machine.poll()
        self.now = ms / 1000
        for one in given:
            if isinstance(one, TurnPolicy):
                self.machine.policy = one
                self.steps.append(Step(self.now, one))
                continue
            assert not isinstance(one, Timeout)
            self.machine.handle(one, self.now)
            self.machine.poll()
        return self
