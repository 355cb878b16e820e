"""The turn machine alone, in virtual time: what it decides and when, by kind of words.

Times are milliseconds from the last voiced sample (ends of turns) or from the first (talking over
the agent). The VAD's and the recogniser's delays are parameters, so that what is measured is the
policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from talkover.turn import inputs as i
from talkover.turn import outputs as o
from talkover.turn.machine import TurnMachine
from talkover.turn.policy import TurnPolicy

VAD_MS = 64
"""Steps without voice before the VAD says that speech stopped."""
ONSET_MS = 48
"""Voiced steps before it says that speech began."""
STT_MS = (0, 100, 300)
"""Final words after the VAD's stop."""
ENDS: dict[str, tuple[str, bool | None]] = {
    "complete (known)": ("what time is it", True),
    "complete (punctuated)": ("What time is it?", None),
    "neutral": ("the one with the red door", None),
    "incomplete": ("i would like to", None),
    "none": ("", None),
}
OVERLAPS: dict[str, tuple[str, int]] = {
    "stop": ("stop", 300),
    "two content words": ("actually tomorrow", 700),
    "mm-hm": ("mm-hm", 350),
    "long yeah right okay": ("yeah right okay", 900),
    "cough": ("", 200),
    "noise of a second": ("", 1000),
}
"""Words and length of the voice, ms."""


class Clock:
    """A machine whose time is moved by hand; `done` are its outputs with their times."""

    def __init__(self) -> None:
        self.machine = TurnMachine(TurnPolicy())
        self.done: list[tuple[float, o.Output]] = []
        self.now = 0.0

    def to(self, ms: float, *given: i.Input) -> None:
        """Go there by way of every deadline, and say what is said there."""
        while (due := self.machine.deadline()) is not None and due * 1000 <= ms:
            self.now = max(self.now, due * 1000)
            self.machine.handle_timeout(self.now / 1000)
            self._collect()
        self.now = ms
        for one in given:
            self.machine.handle(one, ms / 1000)
            self._collect()

    def when(self, kind: type, since: float = 0.0) -> float | None:
        """When the first output of a kind came."""
        return next((at for at, out in self.done if isinstance(out, kind) and at >= since), None)

    def _collect(self) -> None:
        self.done += [(self.now, out) for out in self.machine.poll()]


def ends() -> Iterator[dict[str, Any]]:
    """From the end of speech to the decision to answer, or to let it pass."""
    for kind, (text, known) in ENDS.items():
        for stt in STT_MS:
            clock = Clock()
            clock.to(ONSET_MS, i.SpeechStarted(0.0))
            clock.to(1000 + VAD_MS, i.SpeechStopped(1.0))
            clock.to(1000 + VAD_MS + stt, i.Heard(text, True, known))
            clock.to(6000)
            answered, passed = clock.when(o.CommitTurn), clock.when(o.DiscardTurn)
            yield {
                "words": kind, "stt_ms": stt,
                "answer_ms": None if answered is None else answered - 1000,
                "discard_ms": None if passed is None else passed - 1000,
            }  # fmt: skip


def overlaps() -> Iterator[dict[str, Any]]:
    """From the onset of a voice over the agent's to the decision."""
    for kind, (text, length) in OVERLAPS.items():
        for stt in STT_MS:
            clock = Clock()
            clock.to(0, i.Create())
            clock.to(100, i.Audible(clock.machine.epoch))
            onset = 2000.0
            clock.to(onset + ONSET_MS, i.SpeechStarted(onset / 1000))
            clock.to(onset + length + VAD_MS, i.SpeechStopped((onset + length) / 1000))
            clock.to(onset + length + VAD_MS + stt, i.Heard(text, True))
            clock.to(onset + 5000)
            cancelled = clock.when(o.CancelReply, onset)
            resumed = clock.when(o.Resume, onset)
            yield {
                "voice": kind, "length_ms": length, "stt_ms": stt,
                "cancel_ms": None if cancelled is None else cancelled - onset,
                "resume_ms": None if resumed is None else resumed - onset,
            }  # fmt: skip


def pauses() -> Iterator[dict[str, Any]]:
    """The longest pause within a sentence that is not taken for its end."""
    for kind, (text, known) in ENDS.items():
        longest = 0
        for pause in range(50, 3000, 10):
            clock = Clock()
            clock.to(ONSET_MS, i.SpeechStarted(0.0))
            clock.to(1000 + VAD_MS, i.SpeechStopped(1.0), i.Heard(text, True, known))
            clock.to(1000 + max(pause + ONSET_MS, VAD_MS), i.SpeechStarted(1 + pause / 1000))
            if clock.when(o.CommitTurn) or clock.when(o.DiscardTurn):
                break
            longest = pause
        yield {"words": kind, "longest_pause_ms": longest}
