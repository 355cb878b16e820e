"""What clients write to a speech-to-speech model: texts, functions and their results, an end."""

from __future__ import annotations

from typing import Any

from wire.line import Line
from wire.upstream import Call, Upstream, upstream

from talkover import Agent
from talkover.engines.remote.realtime import Realtime
from talkover.media.port import MediaPort

PIXEL = "data:image/png;base64,iVBORw0KGgo="


def model(provider: Upstream, stall_s: float = 10.0) -> Realtime:
    return Realtime(provider.url, None, "sk-upstream", None, stall_s)


async def met(line: Line, provider: Upstream) -> Call:
    """Its connection, once both sides have heard each other."""
    call = await provider.call()
    await call.say("hello", "Good day.", 0.1)
    await line.wait("response.done")
    return call


def spoken(done: dict[str, Any]) -> str:
    return done["response"]["output"][0]["content"][0]["transcript"]


async def test_what_is_typed_and_shown_is_answered_in_the_response_that_asks_for_it(
    media: MediaPort,
):
    async with upstream() as provider:
        line = Line(media, s2s=model(provider))
        call = await met(line, provider)
        text = {"type": "input_text", "text": "what is this?"}
        picture = {"type": "input_image", "image_url": PIXEL}
        item = {"type": "message", "role": "user", "content": [text, picture]}
        line.send("conversation.item.create", item=item)
        assert (await call.got("conversation.item.create"))["item"] == item
        assert not call.of("response.create")
        line.send("response.create", response={"instructions": "Shout."})
        created = await line.wait("response.created")
        asked = await call.got("response.create")
        assert asked["response"] == {"instructions": "Shout."}
        await call.say("up_2", "A PIXEL.", 0.2)
        done = await line.wait("response.done")
        assert spoken(done) == "A PIXEL."
        assert done["response"]["id"] == created["response"]["id"]
        await line.session.end("over")


async def test_what_is_typed_before_there_is_a_connection_is_answered_too(media: MediaPort):
    async with upstream() as provider:
        line = Line(media, s2s=model(provider))
        line.type("what time is it?")
        line.send("response.create")
        call = await provider.call()
        told = (await call.got("conversation.item.create"))["item"]
        assert told["content"] == [{"type": "input_text", "text": "what time is it?"}]
        await call.got("response.create")
        await call.say("up_1", "It is noon.", 0.2)
        assert spoken(await line.wait("response.done")) == "It is noon."
        await line.session.end("over")


async def test_functions_of_a_client_are_offered_called_and_their_results_told(media: MediaPort):
    agent = Agent("x")

    @agent.tool(safe=True)
    def stock() -> int:
        """How many there are."""
        return 7

    async with upstream() as provider:
        line = Line(media, agent=agent, s2s=model(provider))
        call = await met(line, provider)
        door = {"type": "function", "name": "door", "parameters": {"type": "object"}}
        line.send("session.update", session={"type": "realtime", "tools": [door]})
        tools = (await call.got("session.update", 1))["session"]["tools"]
        assert [tool["name"] for tool in tools] == ["stock", "door"]
        await call.user("up_1", "open both doors")
        asked = [
            {"type": "function_call", "call_id": f"c{n}", "name": "door", "arguments": "{}"}
            for n in (1, 2)
        ]
        await call.done(*asked)
        done = (await line.wait("response.done"))["response"]
        assert [item["call_id"] for item in done["output"]] == ["c1", "c2"]
        for n in (1, 2):
            given = {"type": "function_call_output", "call_id": f"c{n}", "output": "open"}
            line.send("conversation.item.create", item=given)
            assert (await call.got("conversation.item.create", n - 1))["item"] == given
        line.send("response.create")
        await call.got("response.create")
        await call.say("up_2", "Both are open.", 0.2)
        assert spoken(await line.wait("response.done")) == "Both are open."
        await line.session.end("over")


async def test_a_result_that_comes_to_another_connection_is_told_with_its_call(media: MediaPort):
    async with upstream() as provider:
        line = Line(media, s2s=model(provider))
        first = await met(line, provider)
        door = {"type": "function", "name": "door", "parameters": {"type": "object"}}
        line.send("session.update", session={"type": "realtime", "tools": [door]})
        await first.user("up_1", "open the door")
        await first.done(
            {"type": "function_call", "call_id": "c1", "name": "door", "arguments": "{}"}
        )
        await line.wait("response.function_call_arguments.done")
        await line.wait("response.done")
        await first.socket.close(1001, "too long")
        second = await provider.call(1)
        await second.say("up_1", "One moment.", 0.1)
        await line.wait("response.done")
        assert not second.of("response.create")
        before = len(second.of("conversation.item.create"))
        given = {"type": "function_call_output", "call_id": "c1", "output": "open"}
        line.send("conversation.item.create", item=given)
        called = (await second.got("conversation.item.create", before))["item"]
        assert (called["type"], called["name"], called["call_id"]) == (
            "function_call",
            "door",
            "c1",
        )
        assert (await second.got("conversation.item.create", before + 1))["item"] == given
        await line.session.end("over")


async def test_a_client_that_cancels_silences_both(media: MediaPort):
    async with upstream() as provider:
        line = Line(media, s2s=model(provider))
        call = await met(line, provider)
        line.send("response.create")
        await call.got("response.create")
        await call.send("response.created")
        await call.begin("up_1", " ".join(f"word{n}" for n in range(60)), 30.0)
        for _ in range(50):
            await line.wait("response.output_audio.delta")
        line.send("response.cancel")
        await call.got("response.cancel")
        assert (await call.got("conversation.item.truncate"))["item_id"] == "up_1"
        done = await line.wait("response.done")
        assert done["response"]["status"] == "cancelled"
        await call.done()
        await call.say("up_2", "Yes?", 0.2)
        assert spoken(await line.wait("response.done")) == "Yes?"
        await line.session.end("over")


async def test_a_model_that_was_asked_and_says_nothing_is_apologized_for(media: MediaPort):
    async with upstream() as provider:
        line = Line(media, s2s=model(provider, stall_s=0.3))
        call = await met(line, provider)
        line.send("response.create")
        await call.got("response.create")
        await call.send("response.created")
        assert (await line.error())["code"] == "engine_stalled"
        done = await line.wait("response.done")
        assert done["response"]["status"] == "failed" and spoken(done).startswith("Sorry")
        await (await provider.call(1)).say("up_1", "Here I am.", 0.2)
        assert spoken(await line.wait("response.done")) == "Here I am."
        await line.session.end("over")
