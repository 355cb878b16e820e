"""The OpenAI Live protocol as a codec: facts to server events, client events to commands."""

from __future__ import annotations

import base64
from typing import Any

from .. import commands as c
from .. import facts as f
from ..encoding import extended
from ..ids import fresh
from ..items import Item
from .backend import Backend
from .decoding import decode
from .settings import EVERYTHING, Permissions, resource
from .transcript import Heard, Spoken

Json = dict[str, Any]

_REASONS: dict[f.How, str] = {
    "asked": "close_requested",
    "expired": "expired",
    "left": "remote_hangup",
    "lost": "connection_lost",
    "moved": "connection_lost",
}
_OF_THE_LEG = ("info", "error", "talkover.move", "talkover.ended")
"""What a backend that limits its page's channel cannot keep from it: they tell nothing of what is
said."""
_BARE = ("session.output_audio.delta",)
"""Events that have no id."""


class LiveCodec:
    """One leg's view of a session.

    `shown` are its settings as Realtime shows them, and `began` its Unix seconds. `sound`: the
    leg's own sound goes as events; `media`: the session's sound goes over WebRTC. `extensions`: the
    leg asked for `talkover.*` events. `start_id` is the `event_id` of the leg's `session.start`.
    """

    def __init__(
        self,
        shown: Json,
        *,
        began: float,
        sound: bool,
        media: bool,
        extensions: bool = False,
        start_id: str | None = None,
        permissions: Permissions | None = None,
    ) -> None:
        self._sound, self._media, self._start_id = sound, media, start_id
        self._extensions = extensions
        self._shown = shown
        self._permissions = permissions or EVERYTHING
        self._backend = Backend(began, shown.get("model", "talkover"))
        self._heard, self._spoken = Heard(), Spoken()

    @property
    def alike(self) -> None:
        """Words are told by how far this leg was told of them."""

    def encode(self, fact: f.Fact, at_ms: int = 0) -> list[Json]:
        """The events that tell `fact`, in order; none where this leg is not told."""
        events = self._events(fact, at_ms)
        if self._extensions:
            events += extended(fact, at_ms)
        found = [event for event in events if self._may_be_told(event)]
        for event in found:
            if event["type"] not in _BARE:
                event.setdefault("event_id", fresh("event"))
        return found

    def decode(self, text: str | bytes) -> c.Command:
        """A client's event. BadEvent says what is wrong with it."""
        return decode(text, self._shown, self._permissions.client)

    def _events(self, fact: f.Fact, at_ms: int) -> list[Json]:
        match fact:
            case f.SessionCreated(config, items):
                # What was said before this leg is none of its fragments.
                self._heard.begin(at_ms)
                return self._created(config, items)
            case f.SessionUpdated(config, event_id):
                self._shown = config
                return [_ack("session.updated", event_id) | {"session": self._resource()}]
            case f.SpeechStarted(_, start_ms):
                self._heard.begin(start_ms)
            case f.TranscriptDelta(item, text):
                return [self._heard.tell(item, text, at_ms)]
            case f.Muted(on, event_id):
                return [_ack(f"session.input_audio.{'muted' if on else 'unmuted'}", event_id)]
            case f.Appended(purpose, event_id):
                place = {"start_ms": at_ms, "end_ms": at_ms}
                return [_ack(f"session.{purpose}.appended", event_id) | place]
            case f.ClientSound(phase, event_id):
                return [_ack(f"session.output_audio.fixture.{phase}", event_id)]
            case f.Failed():
                return [_failed(fact)]
            case f.Ended(_, how):
                closed = {"reason": _REASONS[how], "session": self._resource()}
                return [{"type": "session.closed", **closed, "usage": _usage(at_ms)}]
            case _:
                return self._of_replies(fact, at_ms)
        return []

    def _of_replies(self, fact: f.Fact, at_ms: int) -> list[Json]:
        backend, spoken = self._backend, self._spoken
        match fact:
            case f.ReplyAudio():
                return [output_audio(fact.sound)] if self._sound else []
            case f.ReplyCreated():
                return backend.created(fact, at_ms)
            case f.ReplyItemAdded(item=item):
                if item.type == "message":
                    spoken.begin(item.id)
                return backend.item_added(fact, at_ms)
            case f.ReplyTranscript():
                spoken.write(fact.item, fact.delta)
                return backend.written(fact)
            case f.Word():
                return spoken.word(fact.item, fact.start, fact.end, fact.text, at_ms)
            case f.Heard():
                return spoken.heard(fact.item, fact.text, at_ms, fact.played_ms)
            case f.ReplyItemDone():
                return backend.item_done(fact)
            case f.ItemAdded(item):
                backend.answered(item)
            case f.ReplyDone():
                usage = {"type": "session.usage.updated", "usage": _usage(at_ms)}
                return [*backend.done(fact, at_ms), usage]
            case _:
                pass
        return []

    def _created(self, config: Json, items: tuple[Item, ...]) -> list[Json]:
        self._shown = config
        started = _ack("session.started", self._start_id) | {"session": self._resource()}
        # Live's own events know no items.
        told = items if self._extensions else ()
        said = [{"type": "talkover.item", "item": item.wire()} for item in told]
        if self._permissions == EVERYTHING:
            return [started, *said]
        message = "The session's backend limits the events of this data channel."
        return [
            {"type": "info", "code": "data_channel_permissions", "message": message},
            started,
            *said,
        ]

    def _resource(self) -> Json:
        return resource(self._shown, media=self._media)

    def _may_be_told(self, event: Json) -> bool:
        allowed = self._permissions.server
        if allowed is None or event["type"] in _OF_THE_LEG:
            return True
        inner = f"{event['type']}:{event['event']['type']}" if "event" in event else event["type"]
        return inner in allowed


def output_audio(sound: bytes) -> Json:
    """Sound in the session's output format, as an event."""
    return {"type": "session.output_audio.delta", "delta": base64.b64encode(sound).decode()}


def _ack(kind: str, event_id: str | None) -> Json:
    event: Json = {"type": kind}
    return event if event_id is None else event | {"client_event_id": event_id}


def _usage(at_ms: int) -> Json:
    return {"seconds": at_ms / 1000}


def _failed(fact: f.Failed) -> Json:
    error = {"type": fact.type, "code": fact.code or fact.type, "message": fact.message}
    if fact.param is not None:
        error["param"] = fact.param
    if fact.event_id is not None:
        error["client_event_id"] = fact.event_id
    return _ack("error", fact.event_id) | {"error": error}
