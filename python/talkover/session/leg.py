"""The call's own data channel as a reader of its facts."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol

import structlog

from ..media.port import ChannelFull, Peer, TextTooLong
from ..protocol import facts as f
from ..protocol.commands import Command
from ..protocol.text import to_text
from .stream import Entry

log = structlog.get_logger("talkover.leg")


class Dialect(Protocol):
    """How a leg speaks: a protocol's codec, with what it knows of this leg."""

    @property
    def alike(self) -> Hashable | None:
        """Legs of one session with the same are told the same; None: what this one is told depends
        on what it was told before."""
        ...

    def encode(self, fact: f.Fact, at_ms: int = 0) -> list[dict[str, Any]]:
        """The events that tell a fact, which may be none."""
        ...

    def decode(self, text: str | bytes) -> Command:
        """A client's event. BadEvent says what is wrong with it."""
        ...


class DataChannel:
    """Tells facts over `oai-events`.

    An event that does not go (too long for the client, or the channel is full) is left out. The
    client is told so in an `error` event once for each of the two causes, as soon as that goes, and
    the log is; later events go on.
    """

    def __init__(self, peer: Peer, codec: Dialect) -> None:
        self._peer = peer
        self._codec = codec
        self._said: set[str] = set()
        self._owed: list[f.Failed] = []

    def tell(self, entry: Entry) -> None:
        _, at_ms, fact = entry
        try:
            for event in self._codec.encode(fact, at_ms):
                self._confess(at_ms)
                try:
                    self._peer.send(to_text(event))
                except TextTooLong as error:
                    self._leave_out(event, "event_too_long", str(error))
                except ChannelFull as error:
                    self._leave_out(event, "channel_full", str(error))
            self._confess(at_ms)
        except RuntimeError:
            return  # the media threads have stopped, and the call with them

    def _leave_out(self, event: dict[str, Any], code: str, why: str) -> None:
        if code in self._said:
            return
        self._said.add(code)
        log.warning("an event was left out", event_type=event["type"], code=code, error=why)
        message = (
            f"The event {event['type']} was left out, and others may be. {why} A WebSocket that "
            "joins the call (GET /v1/realtime?call_id=…) gets them all."
        )
        self._owed.append(f.Failed("server_error", code, message))

    def _confess(self, at_ms: int) -> None:
        """Says what was left out, where there is room for that."""
        while self._owed:
            try:
                for event in self._codec.encode(self._owed[0], at_ms):
                    self._peer.send(to_text(event))
            except (TextTooLong, ChannelFull):
                return
            del self._owed[0]
