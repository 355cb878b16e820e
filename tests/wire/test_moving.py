"""A session's new leg, while somebody speaks and while the agent thinks."""

from __future__ import annotations

from typing import Any

from wire.line import Line
from wire.test_input import told

from talkover import Agent, Audio
from talkover.media import items as m
from talkover.media.port import MediaPort
from talkover.session.moving import move


def moved(line: Line, media: MediaPort) -> None:
    move(line.session, media, media.core.attach(), "websocket")


async def test_a_turn_goes_on_whose_speaker_changed_the_leg(media: MediaPort) -> None:
    line = Line(media, ear=told("what", "time"))
    line.session.handle(m.AudioIn(0, bytes(6400)))
    line.session.handle(m.Speech(True, 1600))
    assert line.session.machine.user == "speaking"
    moved(line, media)
    assert line.session.machine.user == "pausing"
    stopped = await line.wait("input_audio_buffer.speech_stopped")
    assert stopped["audio_end_ms"] >= 0
    await line.wait("response.done")
    assert line.llm.asked[0][-1]["content"] == "what time"


async def test_an_answer_that_is_thought_up_sounds_on_the_new_leg(media: MediaPort) -> None:
    line = Line(media, first=0.1)
    old = line.session.peer
    line.type("hi")
    line.send("response.create")
    await line.wait("response.created")
    moved(line, media)
    assert line.session.peer is not old
    await line.wait("response.output_audio.delta")
    done = await line.wait("response.done")
    assert done["response"]["status"] == "completed"


async def test_an_answer_cut_off_while_it_moves_is_cut_to_what_was_heard(
    media: MediaPort,
) -> None:
    line = Line(media, pace=0.02)
    line.type("long")
    line.send("response.create")
    await line.wait("response.output_audio.delta")
    await line.wait("response.output_audio.delta")
    moved(line, media)
    line.send("response.cancel")
    done = await line.wait("response.done")
    assert done["response"]["status"] == "cancelled"
    cut = await line.wait("conversation.item.truncated")
    assert cut["audio_end_ms"] < 3000


async def test_a_sound_without_words_goes_on_where_it_was(media: MediaPort) -> None:
    agent = Agent("x")

    @agent.reply
    async def reply(turn: Any):
        yield Audio(b"\x10\x10" * 24000)

    line = Line(media, agent=agent)
    line.type("hi")
    line.send("response.create")
    await line.wait("response.output_audio.delta")
    moved(line, media)
    await line.wait("response.done")
    sound = sum(len(e["delta"]) * 3 // 4 for e in line.events if e["type"].endswith("audio.delta"))
    # What the old leg was sent ahead of its time is sent again.
    assert 48000 - 960 <= sound <= 48000 + 48 * 440
