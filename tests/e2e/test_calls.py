"""Whole calls: a real server process, real sockets, real speech."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.server import Server, spoken

from talkover.cli.caller import RATE, Caller, read_wav

pytestmark = pytest.mark.e2e

AGENT = """
from talkover import Agent, Audio, Say, Turn

agent = Agent("x", client_may=("voice", "instructions", "tools"))

@agent.reply
async def reply(turn: Turn):
    if "explode" in turn.text:
        raise RuntimeError("boom")
    if "default" in turn.text:
        async for piece in turn.answer():
            yield piece
        return
    yield "You said: "
    yield turn.text

@agent.on("color")
async def color(session, data):
    session.state["color"] = data
    await session.send("painted", {"color": data, "by": session.user})
"""


LIVE = """
from talkover import Agent

agent = Agent("x")

@agent.live
async def mirror(session):
    yield "I am listening."
    seen = 0
    async for words in session.words():
        count = len(words.text.split())
        if not words.final and count >= 3 and not seen:
            seen = count
            yield "Three words already."
        if words.final:
            yield f"You said: {words.text}."
"""

GUARDED = """
from talkover import Agent, Say

agent = Agent("x")

@agent.reply
async def reply(turn):
    yield Say("This call is recorded, and that must be said to its very end.", interruptions="no")
    yield " Now you may talk over me as long as you like, because this sentence is a long one."
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("demo"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("own"), agent=AGENT)
    yield server
    server.stop()


async def greeted(call: Caller) -> None:
    await call.wait_for("output_audio_buffer.stopped")


@pytest.mark.parametrize("tcp", [False, True])
async def test_the_time_is_asked_and_told(demo: Server, tmp_path: Path, tcp: bool):
    async with Caller(demo.url, tcp=tcp) as call:
        assert call.transport == ("tcp" if tcp else "udp")
        await greeted(call)
        call.play(*read_wav(spoken("what time is it", tmp_path)))
        done = await call.wait_for("response.done", 2)
        said = done["response"]["output"][0]["content"][0]["transcript"]
        assert "in the" in said and said.startswith("It is")
        heard = call.of("conversation.item.input_audio_transcription.completed")
        assert [event["transcript"] for event in heard] == ["what time is it"]
        order = [event["type"] for _, event in call.events]
        expected = [
            "session.created", "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
        ]  # fmt: skip
        assert [kind for kind in order if kind in expected] == expected
        assert loudness(call, call.now - 1.5, call.now) > 500


async def test_a_story_falls_silent_when_talked_over(demo: Server, tmp_path: Path):
    async with Caller(demo.url) as call:
        await greeted(call)
        call.type("tell me a story")
        await call.wait_for("output_audio_buffer.started", 2)
        await asyncio.sleep(3)
        call.play(*read_wav(spoken("what time is it", tmp_path)))
        done = await call.wait_for("response.done", 2)
        assert done["response"]["status"] == "cancelled"
        assert done["response"]["status_details"]["reason"] == "turn_detected"
        cut = await call.wait_for("conversation.item.truncated")
        assert 2500 < cut["audio_end_ms"] < 5500
        heard = await call.wait_for("talkover.heard", 2)
        assert heard["exact"] and heard["text"].startswith("Once there was a lighthouse")
        assert len(heard["text"]) < 120
        kinds = [event["type"] for _, event in call.events]
        assert kinds.index("talkover.ducked") < kinds.index("output_audio_buffer.cleared")
        answer = await call.wait_for("response.done", 3)
        assert "It is" in answer["response"]["output"][0]["content"][0]["transcript"]


async def test_two_calls_stay_apart(own: Server):
    async with Caller(own.url) as one, Caller(own.url) as two:
        one.type("apples")
        two.type("pears")
        for call, word in ((one, "apples"), (two, "pears")):
            done = await call.wait_for("response.done")
            said = done["response"]["output"][0]["content"][0]["transcript"]
            assert said == f"You said: {word}"


async def test_an_agent_that_raises_apologizes_and_goes_on(own: Server):
    async with Caller(own.url) as call:
        call.type("explode")
        done = await call.wait_for("response.done")
        assert done["response"]["status"] == "failed"
        assert "boom" not in str(call.events)
        assert "Sorry" in done["response"]["output"][-1]["content"][0]["transcript"]
        call.type("hello")
        again = await call.wait_for("response.done", 2)
        assert again["response"]["status"] == "completed"


async def test_application_data_goes_both_ways(own: Server):
    async with Caller(own.url) as call:
        call.send({"type": "talkover.message", "name": "color", "data": "red"})
        event = await call.wait_for("talkover.message")
        assert (event["name"], event["data"]["color"]) == ("painted", "red")
        call.send({"type": "talkover.message", "name": "nothing", "event_id": "mine"})
        error = await call.wait_for("error")
        assert error["error"]["event_id"] == "mine"


async def test_a_client_runs_its_own_tool(own: Server):
    tool = {
        "type": "function", "name": "get_weather", "description": "the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }  # fmt: skip
    async with Caller(own.url) as call:
        call.send({"type": "session.update", "session": {"type": "realtime", "tools": [tool]}})
        updated = await call.wait_for("session.updated")
        assert updated["session"]["tools"][0]["name"] == "get_weather"
        call.type("default get weather in paris")
        asked = await call.wait_for("response.function_call_arguments.done")
        assert "paris" in asked["arguments"]
        await call.wait_for("response.done")
        item = {"type": "function_call_output", "call_id": asked["call_id"], "output": "Sunny."}
        call.send({"type": "conversation.item.create", "item": item})
        call.send({"type": "response.create", "response": {"output_modalities": ["text"]}})
        text = await call.wait_for("response.output_text.done")
        assert text["text"] == "Sunny."


async def test_bad_messages_are_answered_and_the_call_goes_on(own: Server):
    async with Caller(own.url) as call:
        assert call._peer is not None  # pyright: ignore[reportPrivateUsage]  sends what no API would
        call._peer.send("not json")  # pyright: ignore[reportPrivateUsage]  the same
        call.send({"type": "no.such.event", "event_id": "e1"})
        call.send({"type": "response.cancel", "event_id": "e2"})
        call.send({"type": "conversation.item.retrieve", "item_id": "x", "event_id": "e3"})
        await call.until(lambda: len(call.of("error")) == 4)
        codes = [event["error"]["code"] for event in call.of("error")]
        assert codes == [
            "invalid_json", "invalid_value", "response_cancel_not_active",
            "item_retrieve_invalid_item_id",
        ]  # fmt: skip
        call.type("still here")
        assert (await call.wait_for("response.done"))["response"]["status"] == "completed"


async def test_a_second_response_waits_its_turn_or_is_refused(demo: Server):
    async with Caller(demo.url) as call:
        await greeted(call)
        call.type("tell me a story")
        await call.wait_for("output_audio_buffer.started", 2)
        call.send({"type": "response.create", "event_id": "second"})
        error = await call.wait_for("error")
        assert error["error"]["code"] == "conversation_already_has_active_response"
        call.send({"type": "response.cancel"})
        done = await call.wait_for("response.done", 2)
        assert done["response"]["status_details"]["reason"] == "client_cancelled"


async def test_the_demo_counts_back_while_the_user_counts(demo: Server, tmp_path: Path):
    async with Caller(demo.url) as call:
        await greeted(call)
        call.play(*read_wav(spoken("one, two, three, four, five", tmp_path)))
        await call.wait_for("output_audio_buffer.started", 2)
        kinds = [event["type"] for _, event in call.events]
        assert "input_audio_buffer.speech_stopped" not in kinds
        await call.wait_for("response.done", 3, 30)


async def test_a_timer_speaks_up(demo: Server):
    async with Caller(demo.url) as call:
        await greeted(call)
        call.type("set a timer for three seconds")
        step = await call.wait_for("talkover.tool")
        assert step["name"] == "set_timer"
        done = await call.wait_for("response.done", 3)
        assert "has ended" in done["response"]["output"][0]["content"][0]["transcript"]


async def test_an_agent_without_turns_speaks_while_the_user_does(tmp_path: Path):
    server = Server(tmp_path, agent=LIVE)
    try:
        async with Caller(server.url) as call:
            await greeted(call)
            call.play(*read_wav(spoken("what is twelve times seven", tmp_path)))
            await call.wait_for("output_audio_buffer.started", 2)
            kinds = [event["type"] for _, event in call.events]
            assert "input_audio_buffer.speech_stopped" not in kinds, "it spoke over the user"
            done = await call.wait_for("response.done", 3)
            said = [e["response"]["output"][0]["content"][0]["transcript"]
                    for e in call.of("response.done")]  # fmt: skip
            assert said[0] == "I am listening." and "Three words already." in said[1], said
            assert all(e["response"]["status"] == "completed" for e in call.of("response.done"))
            assert any("twelve times seven" in text for text in said), (said, done)
    finally:
        server.stop()


async def test_a_span_that_must_be_heard_is_not_interrupted_and_the_rest_is(tmp_path: Path):
    server = Server(tmp_path, agent=GUARDED)
    try:
        async with Caller(server.url) as call:
            call.type("hello")
            await call.wait_for("output_audio_buffer.started")
            await asyncio.sleep(0.5)
            call.play(*read_wav(spoken("what time is it", tmp_path)))
            await asyncio.sleep(2.0)
            assert not call.of("talkover.held") and not call.of("response.done")
            await call.until(lambda: any("Now" in e["text"] for e in call.of("talkover.word")))
            call.play(*read_wav(spoken("what time is it", tmp_path)))
            done = await call.wait_for("response.done")
            assert done["response"]["status"] == "cancelled"
    finally:
        server.stop()


async def test_a_client_tells_what_it_played_and_history_is_cut_there(demo: Server):
    async with Caller(demo.url) as call:
        await greeted(call)
        call.type("tell me a story")
        await call.wait_for("output_audio_buffer.started", 2)
        await asyncio.sleep(3)
        call.send({"type": "output_audio_buffer.clear"})
        first = await call.wait_for("conversation.item.truncated")
        whole = (await call.wait_for("talkover.heard", 2))["text"]
        call.send({"type": "conversation.item.truncate", "item_id": first["item_id"],
                   "content_index": 0, "audio_end_ms": 1500})  # fmt: skip
        again = await call.wait_for("conversation.item.truncated", 2)
        assert abs(again["audio_end_ms"] - 1500) < 50
        heard = (await call.wait_for("talkover.heard", 3))["text"]
        assert whole.startswith(heard) and 0 < len(heard) < len(whole)
        call.send({"type": "conversation.item.retrieve", "item_id": first["item_id"]})
        item = (await call.wait_for("conversation.item.retrieved"))["item"]
        assert item["content"][0]["transcript"] == heard


def loudness(call: Caller, since: float, until: float) -> float:
    """Root mean square of what was heard in that time."""
    start, end = ((round((t - call.sound.began) * RATE) * 2) for t in (since, until))
    pcm = bytes(call.sound.pcm[max(0, start) : end])
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    return (sum(s * s for s in samples) / max(1, len(samples))) ** 0.5
