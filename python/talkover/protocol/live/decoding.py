"""Client events of the Live protocol to commands; whatever is wrong with one is a BadEvent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import commands as c
from ..decoding import EXTENSIONS, Fields, item, read, sound
from ..errors import BadEvent
from ..ids import fresh
from ..items import Item, Part
from .settings import Startup, startup, update

Json = dict[str, Any]
Decoder = Callable[[Fields, Json], c.Command]
"""Given the event and the session's settings as Realtime shows them."""

MOST_APPENDED = 16 * 1024
"""Characters; the protocol has 500 tokens."""
OF_THE_LEG = ("talkover.moving", "talkover.resume")
"""What a backend that limits its page's channel cannot take from it: where it is connected."""
MOST_SOUND = 30 * 48000
"""Bytes of a client's own sound: 30 s."""
BACKEND = {"live": "response.create"}
"""Metadata of a response that a client asked for, which readers of its facts know it by."""


def decode(text: str | bytes, shown: Json, allowed: frozenset[str] | None = None) -> c.Command:
    """A client's event, which may be one of the `allowed` ones.

    BadEvent says what is wrong with it, under the client's `event_id`.
    """
    kind, fields = read(text, DECODERS)
    if allowed is not None and kind not in (*allowed, *OF_THE_LEG):
        raise BadEvent(
            f"This data channel may not send {kind}; the session's backend allows it "
            f"{', '.join(sorted(allowed)) or 'nothing'}.",
            code="event_not_allowed",
            param="type",
            event_id=fields.event_id,
        )
    return DECODERS[kind](fields, shown)


def start(text: str | bytes) -> tuple[Startup, str | None]:
    """The first event of a socket: how the session starts, and the event's id. BadEvent."""
    fields = starting(text)
    return startup(fields.inside("session"), media=False), fields.event_id


def starting(text: str | bytes) -> Fields:
    """The same, unread: what it has to be. BadEvent."""
    kind, fields = read(text, DECODERS)
    if kind != "session.start":
        raise BadEvent(
            f"The session has not started; send session.start before {kind}.",
            code="session_not_started",
            param="type",
            event_id=fields.event_id,
        )
    return fields


def _append(purpose: c.Purpose) -> Decoder:
    def decode(x: Fields, _: Json) -> c.Command:
        text, delegation = x.text("content", MOST_APPENDED), x.maybe_id("delegation_id")
        return c.AppendText(purpose, text, delegation, x.event_id)

    return decode


def _play(x: Fields, _: Json) -> c.Command:
    pcm = sound(x)
    if not pcm or len(pcm) % 2 or len(pcm) > MOST_SOUND:
        raise x.bad("audio", "at most 30 s of 16-bit PCM at 24 kHz")
    return c.PlaySound(pcm, x.event_id)


def _create_item(x: Fields, _: Json) -> c.Command:
    given = x.inside("item")
    text = given.event.get("content")
    if isinstance(text, str) and given.event.get("role") in ("user", "developer", "system"):
        # The short form that the Responses API has for a message.
        role = "user" if given.event["role"] == "user" else "system"
        part = Part("input_text", text=given.text("content"))
        made = Item(given.maybe_id("id") or fresh("item"), "message", role, (part,))
        return c.CreateItem(made, None, x.event_id)
    return c.CreateItem(item(given), None, x.event_id)


def _create_response(x: Fields, _: Json) -> c.Command:
    return c.CreateResponse(c.ResponseParams(metadata=dict(BACKEND)), x.event_id)


def _refused(code: str, message: str) -> Decoder:
    def refuse(x: Fields, _: Json) -> c.Command:
        raise BadEvent(message, code=code, param="type", event_id=x.event_id)

    return refuse


_NO_DECISIONS = _refused(
    "unsupported_event", "This server runs no Decisions; delegate to client or responses."
)


def _ours(decoder: Callable[[Fields], c.Command]) -> Decoder:
    return lambda x, _: decoder(x)


DECODERS: dict[str, Decoder] = {
    **{name: _ours(decoder) for name, decoder in EXTENSIONS.items()},
    "session.start": _refused("session_already_started", "The session has started already."),
    "session.update": lambda x, shown: c.UpdateSession(
        update(x.inside("session"), shown), x.event_id
    ),
    "session.input_audio.append": lambda x, _: c.AppendAudio(sound(x), x.event_id),
    "session.input_audio.mute": lambda x, _: c.MuteInput(True, x.event_id),
    "session.input_audio.unmute": lambda x, _: c.MuteInput(False, x.event_id),
    "session.output_audio.fixture.play": _play,
    "session.instructions.append": _append("instructions"),
    "session.thinking.append": _append("thinking"),
    "session.commentary.append": _append("commentary"),
    "session.close": lambda x, _: c.CloseSession(x.event_id),
    "response.item.create": _create_item,
    "response.create": _create_response,
    "decision.create": _NO_DECISIONS,
    "decision.item.create": _NO_DECISIONS,
    "decision.item.delete": _NO_DECISIONS,
    "transport.dtmf.send": _refused(
        "unsupported_event", "This call has no telephone line to send keys on."
    ),
}
