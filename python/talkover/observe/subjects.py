"""Sessions on NATS, for whoever listens there in any language: their facts as they come, and a way
to steer them. docs/subjects.md describes both.
"""

from __future__ import annotations

import json
from typing import Any

from ..cluster.bus import Bus
from ..protocol import facts as f
from ..protocol.realtime import Codec
from ..protocol.text import to_text
from ..session.session import Session
from ..session.steering import WANTED, events_in, steer
from ..session.stream import Entry

LIVE, STEER = "talkover.live", "talkover.steer"
"""Each followed by a session's id."""


class Subjects:
    """The two of one session, until it ends. Errors of events that are wrong go to who sent them,
    and, as all errors do, to the session's readers."""

    def __init__(self, bus: Bus, session: Session) -> None:
        self._bus, self._session = bus, session
        self._codec = Codec(extensions=True, audio_events=False, operator=True)
        self._end = lambda: None

    def begin(self) -> None:
        self._end = self._bus.answer(f"{STEER}.{self._session.id}", self._steer)
        self._session.stream.attach(self._tell)

    def _tell(self, entry: Entry) -> None:
        number, at_ms, fact = entry
        events = self._codec.encode(fact, at_ms)
        if events:
            body = to_text({"number": number, "at_ms": at_ms, "events": events})
            self._bus.tell(f"{LIVE}.{self._session.id}", body.encode())
        if isinstance(fact, f.Ended):
            self._end()

    async def _steer(self, asked: bytes) -> bytes:
        try:
            events = events_in(json.loads(asked))
        except ValueError:
            events = None
        if events is None:
            return _told(WANTED)
        failed = await steer(self._session, events, self._codec.decode)
        return to_text({"errors": [shown(one) for one in failed]}).encode()


def shown(failed: f.Failed) -> dict[str, Any]:
    """What was wrong with an event, for who sent it."""
    return {
        "event_id": failed.event_id, "code": failed.code, "message": failed.message,
        "param": failed.param,
    }  # fmt: skip


def _told(message: str) -> bytes:
    return to_text({"errors": [{"code": "invalid_value", "message": message}]}).encode()
