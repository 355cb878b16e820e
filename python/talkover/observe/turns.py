"""A session's facts as turns: what was asked of the agent, from its first fact to its end. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..protocol import facts as f

MOST_OPEN = 32
"""Replies at a time of which the end is awaited; a session has fewer."""
MOST_NAME = 64
"""Characters of a tool's name, which a model may have made up."""


@dataclass(frozen=True, slots=True)
class ToolRun:
    """One use of a tool; ms on the session's clock."""

    call_id: str
    name: str
    began: int
    ended: int
    failed: bool


@dataclass(slots=True)
class Turn:
    """One reply, and the silence before it. Times are ms on the session's clock.

    `timings` is the account: ms by stage, and `total`; empty where nothing was heard.
    """

    reply: str
    began: int
    modality: f.Modality
    audible: int | None = None
    ended: int = 0
    status: f.ReplyStatus = "completed"
    error: str | None = None
    timings: dict[str, float] = field(default_factory=dict[str, float])
    tools: list[ToolRun] = field(default_factory=list[ToolRun])
    usage: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Bar:
    """A stage of the silence; ms on the session's clock."""

    name: str
    began: float
    ended: float


def waterfall(turn: Turn) -> list[Bar]:
    """The stages of a turn's silence one after the other, and where they lay in the session.

    The answer left the server when `play` ended; what comes before and after on the user's side is
    placed around that by its length.
    """
    stages = {name: ms for name, ms in turn.timings.items() if name != "total"}
    if turn.audible is None or not stages:
        return []
    after = sum(stages.get(name, 0.0) for name in ("downlink", "buffer"))
    at = turn.audible + after - sum(stages.values())
    bars: list[Bar] = []
    for name, ms in stages.items():
        bars.append(Bar(name, at, at + ms))
        at += ms
    return bars


class Turns:
    """Those of one session."""

    def __init__(self) -> None:
        self._open: dict[str, Turn] = {}

    def take(self, fact: f.Fact, at_ms: int) -> Turn | None:
        """The next fact; gives the turn that it ends."""
        match fact:
            case f.ReplyCreated(reply, modality):
                if len(self._open) < MOST_OPEN:
                    self._open[reply] = Turn(reply, at_ms, modality)
            case f.AudioStarted(reply):
                if (turn := self._open.get(reply)) is not None and turn.audible is None:
                    turn.audible = at_ms
            case f.TurnTimings(reply, timings):
                if (turn := self._open.get(reply)) is not None:
                    turn.timings = timings
            case f.ToolStep(call_id, name, _, phase, _, ms) if phase in ("done", "failed"):
                # A step does not say whose it is; two replies at once with tools are rare.
                if self._open:
                    run = ToolRun(
                        call_id, name[:MOST_NAME], at_ms - (ms or 0), at_ms, phase == "failed"
                    )
                    next(reversed(self._open.values())).tools.append(run)
            case f.ReplyDone(reply, status):
                turn = self._open.pop(reply, None)
                if turn is not None:
                    turn.ended, turn.status, turn.usage = at_ms, status, fact.usage
                    turn.error = None if fact.error is None else fact.error[1]
                return turn
            case _:
                pass
        return None
