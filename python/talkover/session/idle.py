"""The user says nothing after an answer: `idle_timeout_ms` of the protocol's server VAD."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..protocol import facts as f
from ..protocol.config import ServerVad
from ..protocol.ids import fresh
from ..protocol.items import Item, Part
from ..turn import inputs as i

if TYPE_CHECKING:
    from .session import Session

HINT = (
    "The user has said nothing for a while. Take up the conversation again: ask briefly whether "
    "they are still there, or what they would like to do."
)


class Idle:
    """Belongs to one session: `look` after each change of the floor."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0

    def look(self) -> None:
        """Begin or stop waiting, as the floor has it."""
        session = self._session
        detection = session.config.audio.input.turn_detection
        most = detection.idle_timeout_ms if isinstance(detection, ServerVad) else None
        # Before the first reply nobody is late with an answer.
        quiet = session.quiet and session.machine.epoch > 0 and not session.takeover.on
        if most is None or not quiet or session.ended:
            self.close()
        elif self._timer is None:
            self._since = session.clock()
            self._timer = self._loop.call_later(most / 1000, self._fire)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        session, item = self._session, fresh("item")
        self._timer = None
        hearing = session.hearing
        began, now = hearing.ms(self._since), hearing.ms(session.clock())
        session.emit(f.TimeoutTriggered(item, began, now))
        hint = Item(fresh("item"), "message", "system", (Part("input_text", text=HINT),))
        previous = session.conversation.add(hint)
        session.emit(f.ItemAdded(hint, previous))
        session.emit(f.ItemDone(hint, previous))
        if session.duplex is not None:
            session.duplex.written(hint)
        hearing.add(item, None)
        session.tell(i.Create())
