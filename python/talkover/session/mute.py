"""A muted microphone: to the session it is silent, whatever the media thread hears in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ..media import items as m

if TYPE_CHECKING:
    from .session import Session

Who = Literal["client", "sound"]
"""A client's own word, or a client's sound while it plays."""


class Mute:
    """Belongs to one session. Sound and speech pass through it on their way to the hearing."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._by: set[Who] = set()
        self._voice = False
        self._at = 0

    @property
    def on(self) -> bool:
        return bool(self._by)

    def set(self, who: Who, on: bool) -> None:
        """A voice that is cut off here has ended for the session, and begins where it returns."""
        before = self.on
        (self._by.add if on else self._by.discard)(who)
        if self.on == before:
            return
        if self._voice:
            self._session.hearing.speech(m.Speech(not self.on, self._at))
        self._session.standing.give()

    def leave(self) -> None:
        """Who was heard is heard no more, and the next who is begins anew."""
        if self._voice and not self.on:
            self._session.hearing.speech(m.Speech(False, self._at))
        self._voice, self._at = False, 0

    def sound(self, item: m.AudioIn) -> m.AudioIn:
        self._at = item.at + len(item.pcm) // 2
        return replace(item, pcm=bytes(len(item.pcm))) if self._by else item

    def hears(self, item: m.Speech) -> bool:
        """Whether the session is to hear of it."""
        self._voice, self._at = item.on, max(self._at, item.at)
        return not self._by
