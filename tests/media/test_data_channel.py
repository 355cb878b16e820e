"""Facts on their way to a client over a real data channel."""

from __future__ import annotations

import json
from typing import Any

import pytest
from media.test_core import Item, Wire, connect

from talkover.media.port import ChannelFull, TextTooLong
from talkover.protocol import facts as f
from talkover.protocol.realtime import Codec
from talkover.session.leg import DataChannel

TOO_LONG = 300_000
"""str0m takes 256 KiB, and says so in its answer."""


def events(wire: Wire) -> list[dict[str, Any]]:
    return [
        json.loads(item[2]) for media, item in wire.items if media is wire.far and item[0] == "text"
    ]


def test_what_is_too_long_for_the_client_is_told_once_and_what_comes_later_goes() -> None:
    wire = Wire(1)
    try:
        _, callee = connect(wire)
        wire.kind("open")
        channel = DataChannel(callee, Codec(extensions=False, audio_events=False))
        for number, text in enumerate(["a", "x" * TOO_LONG, "y" * TOO_LONG, "b"]):
            channel.tell((number, 0, f.Transcribed("item", text, 1.0)))

        def last(item: Item) -> bool:
            return item[0] == "text" and json.loads(item[2]).get("transcript") == "b"

        wire.until(last, far=True)
        told = events(wire)
        failed = [event["error"] for event in told if event["type"] == "error"]
        assert [error["code"] for error in failed] == ["event_too_long"]
        assert "262144" in failed[0]["message"] and "conversation.item" in failed[0]["message"]
        assert [event["transcript"] for event in told if "transcript" in event] == ["a", "b"]
    finally:
        wire.media.close()
        wire.far.close()


def test_a_text_that_does_not_go_raises_by_cause() -> None:
    wire = Wire(1)
    try:
        _, offer = wire.far.dial()
        callee, _ = wire.media.answer(offer)
        with pytest.raises(TextTooLong, match="262144"):
            callee.send("x" * TOO_LONG)
        with pytest.raises(ChannelFull, match="has not taken"):
            for _ in range(20):
                callee.send("x" * 100_000)
        callee.send("x")
    finally:
        wire.media.close()
        wire.far.close()
