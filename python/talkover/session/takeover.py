"""A human speaks in the agent's place: the agent answers nobody, and what is said is only told."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING

from ..protocol import facts as f
from ..turn import inputs as i
from ..values import Audio
from .live import Live
from .taps import native

if TYPE_CHECKING:
    from .session import Session

QUIET = 400
"""Samples below are no voice: a microphone that stays open must not keep the floor."""
HANGOVER_BYTES = 24_000
"""Half a second, 24 kHz: pauses between words are passed on."""


class TakeOver:
    """Belongs to one session. `live` carries the human's voice."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.on = self._due = False
        self.live = Live(lambda: session.tell(i.Speak()))
        self._quiet = HANGOVER_BYTES

    def set(self, on: bool) -> None:
        """Take the call over, cutting the agent off; or hand it back."""
        session = self._session
        if on == self.on or session.ended:
            return
        self.on = on
        self.live.drop()
        session.apply_policy()
        session.tell(i.CancelReply())
        session.emit(f.TakenOver(on))
        if on:
            self._due = session.machine.due
            session.tell(i.Told())
            return
        session.sayings.go_on()
        if self._due:
            session.tell(i.Due())

    def due(self, *, soon: bool = False) -> None:
        """There is something for the agent to answer: now, or once it has the call again."""
        if self.on:
            self._due = True
        else:
            self._session.tell(i.Due(soon=soon))

    def voice(self, pcm: bytes) -> None:
        """What the human says, 24 kHz mono, as it comes; of long silence only the beginning."""
        if not self.on:
            return
        samples = native(array.array("h", pcm))
        loud = max(map(abs, samples), default=0) > QUIET
        self._quiet = 0 if loud else self._quiet + len(pcm)
        if self._quiet < HANGOVER_BYTES:
            self.live.offer(Audio(pcm))
