"""The call's own data channel as a reader of its facts."""

from __future__ import annotations

from typing import Any, Protocol

import structlog

from ..media.port import Peer
from ..protocol import facts as f
from ..protocol.commands import Command
from ..protocol.text import to_text
from .stream import Entry

log = structlog.get_logger("talkover.leg")


class Dialect(Protocol):
    """How a leg speaks: a protocol's codec, with what it knows of this leg."""

    def encode(self, fact: f.Fact, at_ms: int = 0) -> list[dict[str, Any]]:
        """The events that tell a fact, which may be none."""
        ...

    def decode(self, text: str | bytes) -> Command:
        """A client's event. BadEvent says what is wrong with it."""
        ...


class DataChannel:
    """Tells facts over `oai-events`; what it cannot take any more is dropped, and logged once."""

    def __init__(self, peer: Peer, codec: Dialect) -> None:
        self._peer = peer
        self._codec = codec
        self._clogged = False

    def tell(self, entry: Entry) -> None:
        _, at_ms, fact = entry
        if self._clogged:
            return
        for event in self._codec.encode(fact, at_ms):
            try:
                self._peer.send(to_text(event))
            except (ValueError, RuntimeError) as error:
                self._clogged = True
                log.warning("the data channel takes no more events", error=str(error))
                return
