"""The media room in virtual time: `MediaPort` for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _core
from .items import typed
from .port import Handler, Peer

Schedule = Callable[..., Any]
"""Such as `loop.call_soon`."""


class Simulation:
    """Real ears and playouts, whose time passes in `advance` only. Times are nanoseconds."""

    def __init__(self) -> None:
        self._core = _core.Simulation()
        self._handlers: dict[int, Handler] = {}

    def attach(self, handler: Handler) -> Peer:
        """A caller who is silent so far; `handler` gets the items. Before time passes."""
        peer = self._core.attach()
        self._handlers[peer.id] = handler
        return peer

    def speak(self, peer: Peer, begin: int, end: int) -> None:
        """The caller is imagined to have a voice from then to then, later than any before."""
        self._core.speak(peer.id, begin, end)

    def sound(self, peer: Peer, pcm: bytes, rate: int) -> None:
        """The caller makes this sound, from now on."""
        self._core.sound(peer.id, pcm, rate)

    def film(self, peer: Peer, webp: bytes | None) -> None:
        """The caller's camera shows a picture from now on; None: it is off. ValueError."""
        self._core.film(peer.id, webp)

    def seen(self, peer: Peer) -> list[tuple[int, bytes]]:
        """What the caller of an open peer was shown: (ms, WebP)."""
        return self._core.seen(peer.id)

    def heard(self, peer: Peer) -> list[tuple[int, int, int]]:
        """What the caller heard of an open peer: (from ms, to ms, dB of full scale)."""
        return self._core.heard(peer.id)

    def advance(self, until: int) -> int:
        """Let time pass until `until` or until something happens; returns the time it is then."""
        return self._core.advance(until)

    def deliver(self, schedule: Schedule) -> bool:
        """Schedule the handlers of all that happened. False: nothing did."""
        raw = self._core.drain()
        if raw:
            schedule(self._hand_over, raw)
        return bool(raw)

    def _hand_over(self, raw: list[tuple[Any, ...]]) -> None:
        for entry in raw:
            peer, item = typed(entry)
            self._handlers[peer](item)
