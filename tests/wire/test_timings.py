"""The account of a turn, completed by the client that heard it."""

from __future__ import annotations

import time

import pytest
from wire.line import Line

from talkover.media.port import MediaPort
from talkover.protocol.realtime import Codec


async def asked(media: MediaPort) -> Line:
    line = Line(media, dialect=lambda _: Codec(extensions=True, audio_events=True))
    line.type("hi")
    line.send("response.create")
    return line


async def test_what_only_the_client_knows_completes_the_account(media: MediaPort) -> None:
    line = await asked(media)
    told = await line.wait("talkover.turn")
    assert "buffer" not in told["timings"]
    reply, now = told["response_id"], round(time.time() * 1000)
    line.send("talkover.timings", response_id=reply, capture_ms=10, heard_at_ms=now + 1000)
    whole = await line.wait("talkover.turn")
    assert whole["response_id"] == reply
    # Sound that comes now waits for a second; the answer began a moment ago.
    buffer = whole["timings"]["buffer"]
    assert 1000 <= buffer < 5000
    assert whole["timings"]["total"] == round(told["timings"]["total"] + buffer, 1)


async def test_nothing_is_heard_before_it_was_sent(media: MediaPort) -> None:
    line = await asked(media)
    reply = (await line.wait("talkover.turn"))["response_id"]
    a_second_ago = round(time.time() * 1000) - 1000
    line.send("talkover.timings", response_id=reply, capture_ms=0, heard_at_ms=a_second_ago)
    assert (await line.wait("talkover.turn"))["timings"]["buffer"] == 0


async def test_the_account_of_an_unknown_response_is_refused(media: MediaPort) -> None:
    line = await asked(media)
    line.send(
        "talkover.timings", response_id="resp_x", capture_ms=0, heard_at_ms=0, event_id="mine"
    )
    error = await line.error()
    assert (error["param"], error["event_id"]) == ("response_id", "mine")


@pytest.mark.parametrize("capture_ms, later_ms", [(60_000, 0), (0, 60_000), (0, -60_000)])
async def test_a_client_that_holds_sound_back_for_an_age_is_not_believed(
    media: MediaPort, capture_ms: int, later_ms: int
) -> None:
    line = await asked(media)
    reply = (await line.wait("talkover.turn"))["response_id"]
    at = round(time.time() * 1000) + later_ms
    line.send("talkover.timings", response_id=reply, capture_ms=capture_ms, heard_at_ms=at)
    assert "5000 ms" in (await line.error())["message"]
