"""A speech-to-speech model owns the floor: its words, its tools, and the ends of its sessions."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from wire.line import Line
from wire.upstream import Upstream, upstream

from talkover import Agent
from talkover.engines.remote.realtime import Realtime
from talkover.media.port import MediaPort
from talkover.testing import conformance

TRANSCRIPT = "conversation.item.input_audio_transcription.completed"


def model(provider: Upstream) -> Realtime:
    return Realtime(provider.url, None, "sk-upstream", None)


def texts(call: Any) -> list[tuple[str, str]]:
    """What a connection was told that had been said before."""
    items = [message["item"] for message in call.of("conversation.item.create")]
    return [(i["role"], i["content"][0]["text"]) for i in items if i["type"] == "message"]


async def test_what_the_model_hears_and_says_is_in_the_conversation(media: MediaPort):
    async with upstream() as provider:
        line = Line(media, agent=Agent("Be brief."), s2s=model(provider))
        call = await provider.call()
        assert call.of("session.update")[0]["session"]["instructions"] == "Be brief."
        await call.user("up_1", "what time is it")
        assert (await line.wait(TRANSCRIPT))["transcript"] == "what time is it"
        await call.say("up_2", "It is noon.", 0.5)
        done = await line.wait("response.done")
        assert done["response"]["status"] == "completed"
        assert done["response"]["output"][0]["content"][0]["transcript"] == "It is noon."
        said = [(m["role"], m["content"]) for m in line.session.conversation.messages()]
        assert said == [("user", "what time is it"), ("assistant", "It is noon.")]
        assert any(e["type"] == "response.output_audio.delta" for e in line.events)
        await line.session.end("over")


async def test_the_model_hears_all_of_the_callers_sound(media: MediaPort):
    async with upstream() as provider:
        line = Line(media, s2s=model(provider))
        call = await provider.call()
        for _ in range(25):
            line.append(bytes(960))
        sound = 0
        for number in range(20):
            message = await call.got("input_audio_buffer.append", number)
            sound += len(base64.b64decode(message["audio"]))
        # The intake's filters hold a little back.
        assert abs(sound - 20 * 960) < 960
        await line.session.end("over")


async def test_an_interrupted_model_is_told_how_far_it_was_heard(media: MediaPort):
    words = " ".join(f"word{n}" for n in range(60))
    async with upstream() as provider:
        line = Line(media, s2s=model(provider))
        call = await provider.call()
        await call.say("up_1", words, 30.0)
        for _ in range(75):
            await line.wait("response.output_audio.delta")
        await call.send("input_audio_buffer.speech_started")
        cut = await call.got("conversation.item.truncate")
        assert cut["item_id"] == "up_1" and 0 < cut["audio_end_ms"] < 20_000
        done = await line.wait("response.done")
        assert done["response"]["status"] == "cancelled"
        (said,) = line.session.conversation.messages()
        heard = said["content"].removesuffix(" [interrupted]")
        assert words.startswith(heard) and 0 < len(heard) < len(words) / 2
        # What still comes of it is nobody's any more, and the next answer is heard.
        await call.say("up_1", "too late", 0.2)
        await call.say("up_2", "Yes?", 0.2)
        done = await line.wait("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Yes?"
        await line.session.end("over")


async def test_a_model_that_was_heard_to_its_end_is_not_cut(media: MediaPort):
    async with upstream() as provider:
        line = Line(media, s2s=model(provider))
        call = await provider.call()
        await call.say("up_1", "Yes.", 0.3)
        await line.wait("response.done")
        await call.send("input_audio_buffer.speech_started")
        await call.user("up_2", "thanks")
        await line.wait(TRANSCRIPT)
        assert not call.of("conversation.item.truncate")
        await line.session.end("over")


async def test_the_models_calls_run_the_agents_tools(media: MediaPort):
    agent = Agent("x")

    @agent.tool(safe=True)
    def stock(item: str) -> int:
        """How many there are."""
        return 7

    async with upstream() as provider:
        line = Line(media, agent=agent, s2s=model(provider))
        call = await provider.call()
        (tool,) = call.of("session.update")[0]["session"]["tools"]
        assert (tool["type"], tool["name"]) == ("function", "stock")
        asked = {"type": "function_call", "call_id": "c1", "name": "stock",
                 "arguments": '{"item": "tea"}'}  # fmt: skip
        await call.done(asked)
        given = (await call.got("conversation.item.create"))["item"]
        assert given == {"type": "function_call_output", "call_id": "c1", "output": "7"}
        await call.got("response.create")
        roles = [message["role"] for message in line.session.conversation.messages()]
        assert roles == ["assistant", "tool"]
        await line.session.end("over")


async def test_a_provider_that_hangs_up_is_called_again_and_told_what_was_said(media: MediaPort):
    async with upstream() as provider:
        line = Line(media, s2s=model(provider))
        first = await provider.call()
        await first.user("up_1", "I am Ada")
        await first.say("up_2", "Hello Ada.", 0.3)
        await line.wait("response.done")
        await first.socket.close(1001, "too long")
        second = await provider.call(1)
        await second.got("conversation.item.create", 1)
        assert texts(second) == [("user", "I am Ada"), ("assistant", "Hello Ada.")]
        assert not second.of("response.create")
        await second.say("up_1", "Still here.", 0.3)
        await line.wait("response.done")
        assert not any(event["type"] == "error" for event in line.events)
        await line.session.end("over")


async def test_a_turn_that_a_hang_up_left_unanswered_is_answered_by_the_next(media: MediaPort):
    async with upstream() as provider:
        line = Line(media, s2s=model(provider))
        first = await provider.call()
        await first.user("up_1", "what time is it")
        await line.wait(TRANSCRIPT)
        await first.socket.close(1011, "out of order")
        second = await provider.call(1)
        await second.got("response.create")
        assert texts(second) == [("user", "what time is it")]
        await line.session.end("over")


async def test_a_session_that_says_when_it_ends_is_renewed_in_a_silence_before(media: MediaPort):
    async with upstream(lasts_s=8.0) as provider:
        line = Line(media, s2s=model(provider))
        first = await provider.call()
        await first.say("up_1", "A long one.", 1.0)
        await line.wait("response.done")
        second = await provider.call(1)
        await second.got("conversation.item.create")
        # We hung up, not the provider.
        assert first.socket.close_code == 1000
        assert texts(second) == [("assistant", "A long one.")]
        await line.session.end("over")


async def test_a_provider_that_hangs_up_at_once_is_not_called_in_a_frenzy(media: MediaPort):
    async with upstream(lasts_s=0.01) as provider:
        line = Line(media, s2s=model(provider))
        loop = asyncio.get_running_loop()
        await provider.came(0)
        began = loop.time()
        await provider.came(2)
        assert loop.time() - began > 1.0
        await line.session.end("over")


async def test_a_greeting_is_spoken_by_the_model_and_only_once(media: MediaPort):
    async with upstream() as provider:
        line = Line(media, agent=Agent("x", greeting="Good day."), s2s=model(provider))
        first = await provider.call()
        asked = (await first.got("response.create"))["response"]["instructions"]
        assert "Good day." in asked
        await first.say("up_1", "Good day.", 0.2)
        await line.wait("response.done")
        await first.socket.close()
        second = await provider.call(1)
        await second.say("up_1", "Yes?", 0.2)
        await line.wait("response.done")
        assert not second.of("response.create")
        await line.session.end("over")


async def test_a_provider_that_cannot_be_reached_is_named(media: MediaPort):
    nobody = Realtime("ws://127.0.0.1:9/v1/realtime", None, None, None)
    line = Line(media, s2s=nobody)
    error = await line.error()
    assert error["code"] == "engine_unreachable" and "--s2s ws://127.0.0.1:9" in error["message"]
    await line.session.end("over")
    await conformance.check_failure(nobody)


async def test_the_realtime_model_conforms():
    async with upstream() as provider:
        await conformance.check_s2s(model(provider))
