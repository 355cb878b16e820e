"""A human in the agent's place, and the agent again."""

from __future__ import annotations

import array
import base64
import json
import math

from wire.conftest import media as media
from wire.line import ANSWERS, Line

from talkover.media.port import MediaPort
from talkover.protocol import commands as c
from talkover.protocol.realtime import Codec
from talkover.session.session import Session

OPERATOR = Codec(extensions=True, audio_events=False, operator=True)


def line_of(media: MediaPort) -> Line:
    answers = {"again": "Hello to you.", **ANSWERS}
    return Line(
        media, answers=answers, dialect=lambda _: Codec(extensions=True, audio_events=True)
    )  # fmt: skip


def operator(session: Session, kind: str, **fields: object) -> None:
    session.submit(OPERATOR.decode(json.dumps({"type": kind, **fields})))


def tone(ms: int) -> bytes:
    """24 kHz mono."""
    samples = (round(9000 * math.sin(n / 10)) for n in range(24 * ms))
    return array.array("h", samples).tobytes()


async def test_who_takes_a_call_over_silences_the_agent_and_is_heard_in_its_place(
    media: MediaPort,
) -> None:
    line = line_of(media)
    line.type("long")
    line.send("response.create")
    await line.wait("response.output_audio.delta")
    operator(line.session, "talkover.take_over", on=True)
    assert (await line.wait("talkover.taken_over"))["on"] is True
    assert (await line.wait("response.done"))["response"]["status"] == "cancelled"
    line.send("response.create", event_id="mine")
    error = await line.error()
    assert (error["code"], error["event_id"]) == ("taken_over", "mine")
    for _ in range(10):
        line.session.submit(c.HumanVoice(tone(40)))
    await line.wait("response.created")
    heard = await line.wait("response.output_audio.delta")
    assert any(base64.b64decode(heard["delta"]))
    done = await line.wait("response.done")
    assert done["response"]["status"] == "completed"
    operator(line.session, "talkover.take_over", on=False)
    assert (await line.wait("talkover.taken_over"))["on"] is False
    line.type("again")
    line.send("response.create")
    done = await line.wait("response.done")
    assert done["response"]["output"][0]["content"][0]["transcript"] == "Hello to you."
    await line.session.end("over")


async def test_an_open_microphone_that_says_nothing_does_not_keep_the_floor(
    media: MediaPort,
) -> None:
    line = line_of(media)
    operator(line.session, "talkover.take_over", on=True)
    for _ in range(5):
        line.session.submit(c.HumanVoice(tone(40)))
    for _ in range(200):
        line.session.submit(c.HumanVoice(bytes(1920)))
    done = await line.wait("response.done")
    assert done["response"]["status"] == "completed"
    assert line.session.quiet
    await line.session.end("over")


async def test_what_an_operator_has_said_is_said_as_it_is(media: MediaPort) -> None:
    line = line_of(media)
    operator(line.session, "talkover.say", text="Please hold the line.")
    done = await line.wait("response.done")
    assert done["response"]["output"][0]["content"][0]["transcript"] == "Please hold the line."
    line.send("talkover.say", text="Let me in.")
    assert (await line.error())["code"] == "invalid_value", "a client has no such event"
    operator(line.session, "talkover.take_over", on=False)
    assert not line.session.takeover.on
    await line.session.end("over")
