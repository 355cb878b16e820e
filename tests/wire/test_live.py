"""What a session does with what only Live's clients ask of it."""

from __future__ import annotations

import base64
from array import array
from typing import Any

from wire.line import Line
from wire.test_input import told, tone

from talkover.media import items as m
from talkover.media.port import MediaPort
from talkover.protocol.live.codec import LiveCodec

STORY = " ".join(f"word{n}" for n in range(40))


def live(media: MediaPort, config: dict[str, Any] | None = None, **given: Any) -> Line:
    def dialect(session: Any) -> LiveCodec:
        return LiveCodec(session.shown(), began=session.began, sound=True, media=False)

    return Line(media, config, dialect=dialect, **given)


def listen(line: Line, sound: bytes) -> None:
    line.send("session.input_audio.append", audio=base64.b64encode(sound).decode())


def say(line: Line, text: str) -> None:
    line.send("response.item.create", item={"type": "message", "role": "user", "content": text})
    line.send("response.create")


async def words(line: Line, text: str) -> None:
    """Until the agent has said these."""
    said = ""
    while text not in said:
        said += (await line.wait("session.output_transcript.delta"))["delta"]


async def test_commentary_waits_until_the_agent_has_said_what_it_says(media: MediaPort) -> None:
    line = live(media, answers={"long": "One two three four.", "": "x"}, pace=0.01)
    say(line, "long")
    await words(line, "One")
    line.send("session.commentary.append", content="news", delegation_id=None)
    await line.wait("session.commentary.appended")
    await words(line, "four.")
    await words(line, "four.")
    assert line.llm.asked[1][-1] == {"role": "system", "content": "news"}
    assert not [e for e in line.events if e["type"] == "error"]


async def test_thinking_and_instructions_are_known_and_unspoken(media: MediaPort) -> None:
    line = live(media)
    line.send("session.thinking.append", content="it rains", delegation_id=None)
    line.send("session.instructions.append", content="Be brief.", delegation_id=None)
    await line.wait("session.instructions.appended")
    assert line.llm.asked == []
    say(line, "hi")
    await words(line, "you.")
    told = [m["content"] for m in line.llm.asked[0] if m["role"] == "system"]
    assert told[-2:] == ["it rains", "Be brief."]


async def test_a_muted_voice_ends_nothing_and_begins_nothing(media: MediaPort) -> None:
    line = live(media, answers={"": STORY}, pace=0.03, ear=told("stop", "now"))
    say(line, "go")
    await words(line, "word1")
    line.send("session.input_audio.mute")
    listen(line, tone(2.0))
    await words(line, "word9")
    line.send("session.input_audio.unmute")
    listen(line, bytes(48000))
    await words(line, "word12")
    assert not [e for e in line.events if e["type"] == "session.input_transcript.delta"]


async def test_a_voice_that_is_muted_in_mid_word_has_ended(media: MediaPort) -> None:
    line = live(media, ear=told("what", "time"))
    line.session.handle(m.AudioIn(0, bytes(6400)))
    line.session.handle(m.Speech(True, 1600))
    assert line.session.machine.user == "speaking"
    line.send("session.input_audio.mute")
    await line.wait("session.input_audio.muted")
    await words(line, "you.")


async def test_a_clients_sound_is_played_in_the_agents_place(media: MediaPort) -> None:
    line = live(media, answers={"": STORY}, pace=0.01)
    say(line, "go")
    await words(line, "word1")
    sound = array("h", [12345]) * 12000
    line.send(
        "session.output_audio.fixture.play", event_id="p",
        audio=base64.b64encode(sound.tobytes()).decode(),
    )  # fmt: skip
    assert (await line.wait("session.output_audio.fixture.playing"))["client_event_id"] == "p"
    line.send("session.output_audio.fixture.play", audio="AAA=", event_id="q")
    line.send("session.thinking.append", content="x", delegation_id=None, event_id="r")
    for id in ("q", "r"):
        error = await line.error()
        assert (error["code"], error["client_event_id"]) == ("fixture_active", id)
    assert (await line.wait("session.output_audio.fixture.played"))["client_event_id"] == "p"
    played = b"".join(
        base64.b64decode(e["delta"]) for e in line.events
        if e["type"] == "session.output_audio.delta"
    )  # fmt: skip
    assert array("h", played).count(12345) > 11000
    assert not line.session.mute.on


async def test_closing_tells_the_reason_and_what_was_used(media: MediaPort) -> None:
    line = live(media)
    line.send("session.close")
    closed = await line.wait("session.closed")
    assert (closed["reason"], closed["session"]["id"]) == ("close_requested", line.session.id)
    assert closed["usage"]["seconds"] >= 0


async def test_16_khz_goes_in_and_out(media: MediaPort) -> None:
    format = {"type": "audio/pcm", "rate": 16000}
    line = live(media, {"audio": {"input": {"format": format}, "output": {"format": format}}})
    say(line, "hi")
    usage = await line.wait("session.usage.updated")
    assert usage
    sound = sum(
        len(base64.b64decode(e["delta"])) for e in line.events
        if e["type"] == "session.output_audio.delta"
    )  # fmt: skip
    spoken = len("Hello to you.") * 0.002
    assert abs(sound / 32000 - spoken) < 0.03
