"""Gemini Live owns the floor, against a server that speaks the documented wire format."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from wire.gemini_service import KEY, Call, gemini
from wire.line import Line

from talkover import Agent
from talkover.engines.base import Opening
from talkover.engines.registry import Choice, build
from talkover.engines.remote.gemini import Gemini
from talkover.errors import ConfigError, EngineError
from talkover.media.port import MediaPort
from talkover.testing import conformance

TRANSCRIPT = "conversation.item.input_audio_transcription.completed"
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def said(line: Line) -> list[tuple[str, str]]:
    return [(m["role"], m["content"]) for m in line.session.conversation.messages()]


def turns(call: Call) -> list[tuple[str, str]]:
    """What a connection was told that had been said before."""
    found = call.of("clientContent")
    assert not found or found[0]["turnComplete"] is True
    return [(t["role"], t["parts"][0]["text"]) for one in found for t in one["turns"]]


async def test_it_conforms():
    async with gemini() as (_, model):
        await conformance.check_s2s(model)


async def test_what_is_heard_and_said_is_in_the_conversation(media: MediaPort):
    agent = Agent("Be brief.", voice="Kore")
    async with gemini() as (service, model):
        line = Line(media, agent=agent, s2s=model)
        call = await service.call()
        assert call.setup["model"].startswith("models/gemini-")
        assert call.setup["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
        assert call.setup["generationConfig"] == {
            "responseModalities": ["AUDIO"],
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        }
        assert "inputAudioTranscription" in call.setup and "outputAudioTranscription" in call.setup
        assert "gm-key" not in service.paths[0] and "historyConfig" not in call.setup
        await call.hear("what time", " is it")
        await call.say("It is noon.", 0.5)
        assert (await line.wait(TRANSCRIPT))["transcript"] == "what time is it"
        done = await line.wait("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "It is noon."
        assert said(line) == [("user", "what time is it"), ("assistant", "It is noon.")]
        line.append(bytes(9600))
        assert (await call.got("realtimeInput.audio"))["mimeType"] == "audio/pcm;rate=16000"
        await line.session.end("over")


async def test_interrupted_it_falls_silent_and_its_rest_is_nobodys(media: MediaPort):
    words = " ".join(f"word{n}" for n in range(60))
    async with gemini() as (service, model):
        line = Line(media, s2s=model)
        call = await service.call()
        await call.hear("tell me a story")
        await call.content(outputTranscription={"text": words})
        await call.sound(30.0)
        for _ in range(50):
            await line.wait("response.output_audio.delta")
        await call.content(interrupted=True)
        await call.content(outputTranscription={"text": " too late"})
        await call.content(turnComplete=True)
        done = await line.wait("response.done")
        assert done["response"]["status"] == "cancelled"
        await call.hear("stop")
        await call.say("Yes?", 0.2)
        done = await line.wait("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Yes?"
        (_, asked), (_, cut), (_, stop), (_, yes) = said(line)
        assert (asked, stop, yes) == ("tell me a story", "stop", "Yes?")
        assert words.startswith(cut.removesuffix(" [interrupted]")) and len(cut) < len(words) / 2
        await line.session.end("over")


async def test_its_calls_run_the_agents_tools_and_are_stopped_when_it_wants_none(media: MediaPort):
    agent, stopped = Agent("x"), asyncio.Event()

    @agent.tool(safe=True)
    async def stock(item: str) -> int:
        """How many there are."""
        if item == "tea":
            return 7
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return 0

    async with gemini() as (service, model):
        line = Line(media, agent=agent, s2s=model)
        call = await service.call()
        ((declared,),) = (tool["functionDeclarations"] for tool in call.setup["tools"])
        assert (
            declared["name"] == "stock" and "item" in declared["parametersJsonSchema"]["required"]
        )
        await call.hear("how much tea is there")
        await call.send(toolCall={"functionCalls": [
            {"id": "c1", "name": "stock", "args": {"item": "tea"}},
            {"id": "c2", "name": "stock", "args": {"item": "gold"}},
        ]})  # fmt: skip
        (given,) = (await call.got("toolResponse"))["functionResponses"]
        assert given == {"id": "c1", "name": "stock", "response": {"output": "7"}}
        assert (await line.wait(TRANSCRIPT))["transcript"] == "how much tea is there"
        await call.send(toolCallCancellation={"ids": ["c2"]})
        async with asyncio.timeout(20):
            await stopped.wait()
        await call.say("Seven.", 0.2)
        await line.wait("response.done")
        assert len(call.of("toolResponse")) == 1 and not call.of("realtimeInput.text")
        assert said(line)[-1] == ("assistant", "Seven.")
        await line.session.end("over")


async def test_told_to_go_it_is_followed_by_a_session_that_resumes_it(media: MediaPort):
    async with gemini() as (service, model):
        line = Line(media, s2s=model)
        first = await service.call()
        await first.hear("I am Ada")
        await first.say("Hello Ada.", 0.3)
        await line.wait("response.done")
        await first.handle("handle-1")
        await first.send(goAway={"timeLeft": "0.5s"})
        second = await service.call(1)
        assert second.setup["sessionResumption"] == {"handle": "handle-1"}
        await second.say("Still here.", 0.2)
        await line.wait("response.done")
        assert not turns(second) and not any(e["type"] == "error" for e in line.events)
        await line.session.end("over")


@pytest.mark.parametrize("forgets", [True, False])
async def test_what_cannot_be_resumed_begins_with_the_conversation(media: MediaPort, forgets: bool):
    async with gemini(forgets=forgets) as (service, model):
        line = Line(media, s2s=model)
        first = await service.call()
        await first.hear("I am Ada")
        await first.say("Hello Ada.", 0.3)
        await line.wait("response.done")
        await first.handle("handle-1")
        if not forgets:
            await first.send(sessionResumptionUpdate={"resumable": False})
        # Typed words go to and fro once: what was sent before them has been read.
        line.type("hello?")
        line.send("response.create")
        await first.got("realtimeInput.text")
        await first.say("Yes.", 0.2)
        await line.wait("response.done")
        await first.socket.close(1001, "too long")
        second = await service.call(1)
        await second.got("clientContent")
        assert second.setup["historyConfig"] == {"initialHistoryInClientContent": True}
        assert turns(second) == [
            ("user", "I am Ada"), ("model", "Hello Ada."), ("user", "hello?"), ("model", "Yes."),
        ]  # fmt: skip
        await line.session.end("over")


async def test_a_turn_that_a_hang_up_left_unanswered_is_answered_by_the_next(media: MediaPort):
    async with gemini() as (service, model):
        line = Line(media, s2s=model)
        first = await service.call()
        await first.handle("from before the question")
        await first.hear("what time is it")
        await first.socket.close(1011, "out of order")
        second = await service.call(1)
        await second.got("realtimeInput.text")
        assert turns(second) == [("user", "what time is it")]
        assert (await line.wait(TRANSCRIPT))["transcript"] == "what time is it"
        await line.session.end("over")


async def test_what_is_typed_and_shown_is_answered_when_an_answer_is_asked_for(media: MediaPort):
    async with gemini() as (service, model):
        line = Line(media, s2s=model)
        call = await service.call()
        await call.say("Good day.", 0.1)
        await line.wait("response.done")
        picture = {"type": "input_image", "image_url": PIXEL}
        asked = {"type": "input_text", "text": "what is this?"}
        item = {"type": "message", "role": "user", "content": [asked, picture]}
        line.send("conversation.item.create", item=item)
        shown = await call.got("realtimeInput.video")
        assert shown == {"mimeType": "image/png", "data": "iVBORw0KGgo="}
        assert not call.of("realtimeInput.text")
        line.send("response.create")
        await line.wait("response.created")
        assert await call.got("realtimeInput.text") == "what is this?"
        await call.say("A pixel.", 0.2)
        done = await line.wait("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "A pixel."
        assert [role for role, _ in said(line)][-2:] == ["user", "assistant"]
        await line.session.end("over")


async def test_tools_of_a_client_are_offered_by_another_session_and_run_by_it(media: MediaPort):
    async with gemini() as (service, model):
        line = Line(media, s2s=model)
        first = await service.call()
        await first.handle("handle-1")
        door = {"type": "function", "name": "door", "parameters": {"type": "object"}}
        line.send("session.update", session={"type": "realtime", "tools": [door]})
        call = await service.call(1)
        assert call.setup["tools"] == [{"functionDeclarations": [{"name": "door"}]}]
        await call.hear("open the door")
        await call.send(toolCall={"functionCalls": [{"id": "c1", "name": "door"}]})
        wanted = await line.wait("response.function_call_arguments.done")
        assert (wanted["name"], wanted["call_id"], wanted["arguments"]) == ("door", "c1", "{}")
        await line.wait("response.done")
        item = {"type": "function_call_output", "call_id": "c1", "output": "open"}
        line.send("conversation.item.create", item=item)
        line.send("response.create")
        (given,) = (await call.got("toolResponse"))["functionResponses"]
        assert given == {"id": "c1", "name": "door", "response": {"output": "open"}}
        await call.say("It is open.", 0.2)
        await line.wait("response.done")
        assert not call.of("realtimeInput.text")
        await line.session.end("over")


GARBAGE: list[Any] = [
    b"\xff\xfe", b"[1]", b"not JSON", b'{"serverContent": 7}', b'{"unheardOf": {}}',
    b'{"toolCall": {"functionCalls": 1}}',
    b'{"serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm"}}]}}}',
    b'{"goAway": {"timeLeft": "soon"}}', b'{"toolCallCancellation": [1]}',
]  # fmt: skip


async def test_garbage_ends_a_connection_and_not_the_call(media: MediaPort):
    async with gemini() as (service, model):
        dialogue = await model.open(Opening("", [], []))
        call = await service.call()
        for frame in GARBAGE:
            await call.socket.send(frame)
            await call.send(serverContent={"interrupted": True})
            events = dialogue.events()
            try:
                await anext(events)
            except EngineError as error:
                assert "--s2s gemini" in error.message
                await events.aclose()
                await dialogue.close()
                dialogue = await model.open(Opening("", [], []))
                call = await service.call(len(service.calls) - 1)
        await dialogue.close()
        line = Line(media, s2s=model)
        number = len(service.calls)
        await (await service.call(number)).socket.send(b'{"serverContent": 7}')
        assert "another shape" in (await line.error())["message"]
        apology = await line.wait("response.done")
        assert "Sorry" in apology["response"]["output"][0]["content"][0]["transcript"]
        await (await service.call(number + 1)).say("Here I am.", 0.2)
        await line.wait("response.output_audio_transcript.done")
        await line.session.end("over")


async def test_a_wrong_key_is_told_in_a_sentence():
    async with gemini() as (service, _):
        wrong = Gemini("wrong", url=service.url)
        with pytest.raises(EngineError, match="TALKOVER_GEMINI_KEY") as raised:
            await wrong.warm()
        assert "wrong" not in raised.value.message
        await conformance.check_failure(wrong)
    await conformance.check_failure(Gemini("k", url="ws://127.0.0.1:9"))


def test_its_key_comes_from_its_own_setting_only():
    with pytest.raises(ConfigError, match="TALKOVER_GEMINI_KEY"):
        build(Choice(s2s="gemini", api_key="sk-general"))
    info = build(Choice(s2s="gemini#gemini-9", keys=(("gemini", "k"),))).infos[0]
    assert info.leaves_machine and info.name == "gemini-9"


async def test_a_model_that_goes_silent_in_the_middle_is_given_up():
    async with gemini() as (service, _):
        impatient = Gemini(KEY, url=service.url, stall_s=0.3)
        dialogue = await impatient.open(Opening("", [], []))
        call = await service.call()
        await call.sound(0.1)
        with pytest.raises(EngineError) as raised:
            async for _ in dialogue.events():
                pass
        assert raised.value.code == "engine_stalled"
        await dialogue.close()
