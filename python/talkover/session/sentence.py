"""Ends an answer with its sentence, where something newer is to be said."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..turn import inputs as i

if TYPE_CHECKING:
    from .session import Session


class Sentence:
    """Belongs to one session. Tells the machine of the ends of sentences of one reply.

    Where the voice is comes from its words as they begin to sound, so that a voice that was held
    is looked at again with the next word.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._epoch = 0
        self._timer: asyncio.TimerHandle | None = None

    def end(self, epoch: int) -> None:
        """This reply is to end so."""
        self._epoch = epoch
        self.look()

    def look(self) -> None:
        """A word of the agent's begins, or the voice as such."""
        self.stop()
        reply = self._session.live_reply
        if reply is None or reply.epoch != self._epoch:
            return
        left = reply.sentence_left_ms
        if left is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(
                left / 1000, self._session.tell, i.SentenceEnded(self._epoch)
            )

    def stop(self) -> None:
        """The voice is held: where it is counts no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
