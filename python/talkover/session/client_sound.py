"""A client's own sound, played once in the agent's place while nobody is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol import facts as f
from ..protocol.commands import PlaySound
from ..protocol.errors import BadEvent
from ..values import Audio

if TYPE_CHECKING:
    from .session import Session


class ClientSound:
    """Belongs to one session, which plays one such sound at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._playing = False

    def check_silent(self, event_id: str | None) -> None:
        """BadEvent while one plays."""
        if self._playing:
            raise BadEvent(
                "A sound of a client's is being played; wait until it was.",
                code="fixture_active",
                event_id=event_id,
            )

    def play(self, command: PlaySound) -> None:
        """Interrupt the agent and play it. BadEvent while another plays."""
        self.check_silent(command.event_id)
        self._playing = True
        self._session.spawn(self._play(command), "sound")

    async def _play(self, command: PlaySound) -> None:
        session = self._session
        try:
            session.mute.set("sound", True)
            await session.interrupt()
            session.emit(f.ClientSound("playing", command.event_id))
            await session.say(Audio(command.sound))
            if not session.ended:
                session.emit(f.ClientSound("played", command.event_id))
        finally:
            self._playing = False
            if not session.ended:
                session.mute.set("sound", False)
