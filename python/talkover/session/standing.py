"""What the media thread does on its own, by orders given beforehand: the reflex, and the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..media.port import Peer
from .turn_settings import HOLD_AFTER_MS, MOST_HELD_MS, RESUME_AFTER_MS, reflex

if TYPE_CHECKING:
    from .session import Session


class StandingOrders:
    """A peer is told only what changes; another peer knows nothing yet."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told: tuple[Peer | None, bool, bool, bool] = (None, False, False, False)

    def give(self, *, reflex_off: bool = False) -> None:
        """As settings and the microphone have it now; `reflex_off`: neither duck nor hold."""
        session = self._session
        peer, before = session.peer, self._told
        wanted, off = reflex(session.machine.policy), reflex_off or session.mute.on
        duck, hold = wanted.duck and not off, wanted.hold and not off
        noise = session.config.audio.input.noise_reduction is not None
        self._told = (peer, duck, hold, noise)
        if before[:3] != self._told[:3]:
            peer.policy(
                duck=duck, hold=hold, hold_after_ms=HOLD_AFTER_MS,
                resume_after_ms=RESUME_AFTER_MS, max_hold_ms=MOST_HELD_MS,
            )  # fmt: skip
        if noise != (before[0] is peer and before[3]):
            peer.suppress_noise(noise)
