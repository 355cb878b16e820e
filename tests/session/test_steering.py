"""What an operator asks of a live session over HTTP, below the HTTP."""

from __future__ import annotations

from typing import Any

from wire.conftest import media as media
from wire.line import Line, typed

from talkover.media.port import MediaPort
from talkover.protocol.realtime import Codec
from talkover.session.steering import steer

DECODE = Codec(extensions=True, audio_events=False).decode


async def test_events_are_done_in_order_and_what_is_wrong_is_told_by_id(media: MediaPort) -> None:
    line = Line(media)
    events: list[dict[str, Any]] = [
        {"type": "conversation.item.create", "item": typed("Hello"), "event_id": "one"},
        {"type": "no.such.event", "event_id": "two"},
        {"type": "conversation.item.delete", "item_id": "nothing"},
        {"type": "response.create"},
    ]
    failed = await steer(line.session, events, DECODE)
    assert [one.event_id for one in failed] == ["two", events[2]["event_id"]]
    assert "no.such.event" in failed[0].message
    done = await line.wait("response.done")
    assert done["response"]["status"] == "completed"
    assert [e["error"]["event_id"] for e in line.events if e["type"] == "error"] == [
        one.event_id for one in failed
    ], "the call's own client sees what went wrong too"
    await line.session.end("over")
