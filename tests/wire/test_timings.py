"""The account of a turn, completed by the client that heard it."""

from __future__ import annotations

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
    reply = told["response_id"]
    line.send("talkover.timings", response_id=reply, capture_ms=10, buffer_ms=40)
    whole = await line.wait("talkover.turn")
    assert whole["response_id"] == reply
    assert whole["timings"]["buffer"] == 40
    assert whole["timings"]["total"] == round(told["timings"]["total"] + 40, 1)


async def test_the_account_of_an_unknown_response_is_refused(media: MediaPort) -> None:
    line = await asked(media)
    line.send("talkover.timings", response_id="resp_x", capture_ms=0, buffer_ms=0, event_id="mine")
    error = await line.error()
    assert (error["param"], error["event_id"]) == ("response_id", "mine")


async def test_a_client_that_holds_sound_back_for_an_age_is_not_believed(media: MediaPort) -> None:
    line = await asked(media)
    reply = (await line.wait("talkover.turn"))["response_id"]
    line.send("talkover.timings", response_id=reply, capture_ms=0, buffer_ms=60_000)
    assert "5000 ms" in (await line.error())["message"]
