"""A call that leaves for another process before this one stops: make before break, by its client.

The client is asked to connect beside its leg, says when it has, and is let go between turns. What
was said is in the log by then; it claims the session over its new leg, and goes on there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from ..cluster.base import LogUnavailable
from ..protocol import commands as c
from ..protocol import facts as f
from ..protocol.errors import BadEvent
from ..turn.heard import SENTENCE_ENDS
from .stream import Entry

if TYPE_CHECKING:
    from .session import Session

log = structlog.get_logger("talkover.departure")

REASON = "the call goes on at another server"
QUIET_S = 0.4
"""What was sent last is on its way and in the player's buffer for so long."""
PATIENCE_S = 10.0
"""For a moment between turns; half of the time that there is, where that is shorter."""
LOOK_S = 0.05


class Moment:
    """When to let go of a call whose client is connected elsewhere since `now`. Pure.

    Between turns; after `patience_s` between two sentences of the agent's, too.
    """

    def __init__(self, now: float, patience_s: float) -> None:
        self._limit = now + patience_s
        self._settled: float | None = None

    def has_come(self, settled: bool, between_sentences: bool, now: float) -> bool:
        if not settled:
            self._settled = None
            return between_sentences and now >= self._limit
        if self._settled is None:
            self._settled = now
        return now - self._settled >= QUIET_S


class Departure:
    """Belongs to one session; nothing happens before `ask`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seconds: float | None = None
        self._leaving = self._sentence = False
        self._word = asyncio.Event()

    def ask(self, seconds: float) -> None:
        """The process stops in so many seconds; safe to call again."""
        session = self._session
        if self._seconds is not None or session.ended or not session.begun:
            return
        self._seconds = seconds
        if session.absence.is_on:
            # Nobody is here to be asked; who comes back comes to the other process.
            session.spawn(session.end(REASON, "moved"), "departure")
            return
        session.stream.attach(self._follow)
        session.emit(f.MoveWanted(round(seconds)))

    def begin(self, command: c.Moving) -> None:
        """The client is connected elsewhere. BadEvent where nobody asked for that."""
        if self._seconds is None:
            raise BadEvent(
                "This call stays where it is; talkover.moving answers talkover.move.",
                code="invalid_value",
                event_id=command.event_id,
            )
        if not self._leaving:
            self._leaving = True
            self._session.spawn(self._leave(min(PATIENCE_S, self._seconds / 2)), "departure")

    async def _leave(self, patience_s: float) -> None:
        session = self._session
        moment = Moment(session.clock(), patience_s)
        while not session.ended:
            if moment.has_come(session.settled, self._between_sentences, session.clock()):
                if await self._written() and (session.settled or self._between_sentences):
                    return await session.end(REASON, "moved")
            self._word.clear()
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._word.wait()
            except TimeoutError:
                continue

    async def _written(self) -> bool:
        """Nobody could go on with what is not in the log. Fenced."""
        try:
            await self._session.sure()
        except LogUnavailable:
            log.warning("a call stays: its log is away", session=self._session.id)
            return False
        return True

    @property
    def _between_sentences(self) -> bool:
        return self._sentence and self._session.machine.user == "silent"

    def _follow(self, entry: Entry) -> None:
        if not isinstance(entry[2], f.Word):
            return
        word = entry[2]
        item = self._session.conversation.get(word.item)
        before = "" if item is None else item.text[: word.start].rstrip()
        self._sentence = before.endswith(SENTENCE_ENDS)
        self._word.set()


async def leave(sessions: Callable[[], list[Session]], seconds: float) -> None:
    """Ask all of them to go; returns once none is left, or after so many seconds."""
    end = asyncio.get_running_loop().time() + seconds
    while found := sessions():
        left = end - asyncio.get_running_loop().time()
        if left <= 0:
            log.warning("calls did not move in time", calls=len(found))
            return
        for session in found:
            session.departure.ask(left)
        await asyncio.sleep(min(left, LOOK_S))
