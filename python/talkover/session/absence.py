"""A caller who vanished, and may come back: the session waits for a while, and nothing is lost.

Who says something meanwhile says it into the reply's keeping, and is heard upon return.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from ..protocol import facts as f

if TYPE_CHECKING:
    from .session import Session

log = structlog.get_logger("talkover.absence")


class Absence:
    """Belongs to one session. `seconds` is how long it waits; 0: not at all."""

    def __init__(self, session: Session, seconds: int) -> None:
        self._session, self.seconds = session, seconds
        self._timer: asyncio.TimerHandle | None = None
        self._here = asyncio.Event()
        self._here.set()

    @property
    def is_on(self) -> bool:
        return self._timer is not None

    def begin(self, why: str) -> None:
        """The caller is gone without a word; the session ends if that stays so."""
        session = self._session
        if session.ended or self.is_on:
            return
        if not session.begun or not self.seconds:
            session.spawn(session.end(why, "lost"), "closed")
            return
        wait = asyncio.get_running_loop().call_later
        self._timer = wait(self.seconds, self._give_up, why)
        self._here.clear()
        log.info("caller gone", session=session.id, reason=why, waiting_s=self.seconds)
        session.peer.close()
        session.hearing.lost()
        session.emit(f.Network("none"))

    def end(self) -> None:
        """The caller is back, or the session is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._here.set()

    async def over(self) -> None:
        """Until the caller is here."""
        await self._here.wait()

    def _give_up(self, why: str) -> None:
        session = self._session
        session.spawn(session.end(why, "lost"), "closed")
