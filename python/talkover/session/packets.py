"""The Opus packets of a call, both sides as they came and went, for whoever reads them."""

from __future__ import annotations

from collections.abc import Callable

from ..media import items as m
from ..media.port import Peer

Reader = Callable[[m.Packet], None]


class Packets:
    """Belongs to one session. Its peer gives them only while somebody reads."""

    def __init__(self, peer: Callable[[], Peer]) -> None:
        self._peer = peer
        self._readers: list[Reader] = []

    def attach(self, reader: Reader) -> None:
        self._readers.append(reader)
        if len(self._readers) == 1:
            self._peer().record(True)

    def detach(self, reader: Reader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)
            if not self._readers:
                self._peer().record(False)

    def moved(self) -> None:
        """The session has another peer."""
        if self._readers:
            self._peer().record(True)

    def take(self, packet: m.Packet) -> None:
        for reader in list(self._readers):
            reader(packet)
