"""LiveKit's OpenAI plugin: its realtime session, as its agents use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import openai as openai_package
from livekit import rtc
from livekit.agents import llm
from livekit.plugins.openai import realtime
from trial import KEY, PICTURE, SPEECH, URL, feature, run


class Talk:
    def __init__(self, session: Any) -> None:
        self.session = session
        self.raw: list[dict[str, Any]] = []
        self.errors: list[Any] = []
        self.generations: asyncio.Queue[Any] = asyncio.Queue()
        self._more = asyncio.Event()
        session.on("openai_server_event_received", self._take)
        session.on("generation_created", self.generations.put_nowait)
        session.on("error", self.errors.append)

    def _take(self, event: dict[str, Any]) -> None:
        self.raw.append(event)
        self._more.set()

    async def event(self, kind: str, past: int = 0) -> dict[str, Any]:
        while len(found := [e for e in self.raw if e["type"] == kind]) <= past:
            self._more.clear()
            await self._more.wait()
        return found[past]

    async def say(self, text: str) -> None:
        """Put a line of the user's into the conversation."""
        talk = self.session.chat_ctx.copy()
        talk.add_message(role="user", content=text)
        await self.session.update_chat_ctx(talk)

    async def asked(self, text: str) -> str:
        await self.say(text)
        return await words(await self.session.generate_reply())

    async def speak(self) -> None:
        for at in range(0, len(SPEECH) + 48000, 4800):
            piece = SPEECH[at : at + 4800].ljust(4800, b"\0")
            self.session.push_audio(rtc.AudioFrame(piece, 24000, 1, 2400))
            await asyncio.sleep(0.1)


async def words(generation: Any) -> str:
    said = ""
    async for message in generation.message_stream:
        async for text in message.text_stream:
            said += str(text)
    return said


@asynccontextmanager
async def talking(key: str = KEY, **settings: Any) -> AsyncIterator[Talk]:
    async with aiohttp.ClientSession() as http:
        model = realtime.RealtimeModel(
            base_url=URL, api_key=key, model="gpt-realtime", http_session=http, **settings
        )
        session = model.session()
        try:
            yield Talk(session)
        finally:
            await session.aclose()
            await model.aclose()


@feature("connect")
async def connect() -> None:
    async with talking() as talk:
        await talk.session.update_instructions("Be brief.")
        updated = await talk.event("session.updated", 1)
        assert updated["session"]["instructions"] == "Be brief."
        assert not talk.errors


@feature("text turn")
async def text_turn() -> None:
    async with talking(modalities=["text"]) as talk:
        assert await talk.asked("hello") == "You said hello."
        assert not talk.errors


@feature("audio turn")
async def audio_turn() -> None:
    async with talking() as talk:
        speaking = asyncio.create_task(talk.speak())
        generation = await talk.generations.get()
        heard = 0
        async for message in generation.message_stream:
            async for frame in message.audio_stream:
                heard += frame.samples_per_channel
        assert heard > 24000
        await speaking
        known = [item for item in talk.session.chat_ctx.items if item.role == "user"]
        assert known[0].text_content == "what is the weather", known
        assert not talk.errors


@feature("tool call")
async def tool_call() -> None:
    @llm.function_tool
    async def get_weather(city: str) -> str:
        """The weather of a city."""
        return f"rain in {city}"

    async with talking(modalities=["text"]) as talk:
        await talk.session.update_tools([get_weather])
        await talk.say("use the tool")
        generation = await talk.session.generate_reply()
        calls = [call async for call in generation.function_stream]
        assert (calls[0].name, calls[0].arguments) == ("get_weather", '{"city": "Paris"}')
        talk_on = talk.session.chat_ctx.copy()
        talk_on.items.append(
            llm.FunctionCallOutput(
                call_id=calls[0].call_id, output="rain", is_error=False, name="get_weather"
            )
        )
        await talk.session.update_chat_ctx(talk_on)
        said = await words(await talk.session.generate_reply())
        assert said == "The tool says rain.", said
        assert not talk.errors


@feature("barge-in")
async def barge_in() -> None:
    async with talking() as talk:
        await talk.say("tell me a story")
        first = await talk.session.generate_reply()
        await talk.event("response.output_audio.delta")
        await asyncio.sleep(1)
        speaking = asyncio.create_task(talk.speak())
        done = await talk.event("response.done")
        assert done["response"]["status"] == "cancelled"
        await words(first)
        await talk.event("response.done", 1)
        items = [item for item in talk.session.chat_ctx.items if item.type == "message"]
        assert [item.role for item in items] == ["user", "assistant", "user", "assistant"], items
        await speaking
        assert not talk.errors


@feature("truncate")
async def truncate() -> None:
    async with talking() as talk:
        await talk.say("tell me a story")
        await talk.session.generate_reply()
        delta = await talk.event("response.output_audio.delta")
        await talk.event("response.output_audio.delta", 60)
        talk.session.interrupt()
        talk.session.truncate(
            message_id=delta["item_id"], modalities=["audio"], audio_end_ms=600,
            audio_transcript="",
        )  # fmt: skip
        done = await talk.event("response.done")
        assert done["response"]["status"] == "cancelled"
        ends: list[int] = []
        while 600 not in [round(end, -2) for end in ends]:
            ends.append(
                (await talk.event("conversation.item.truncated", len(ends)))["audio_end_ms"]
            )
        assert not talk.errors


@feature("retrieve")
async def retrieve() -> None:
    async with talking(modalities=["text"]) as talk:
        await talk.say("hello")
        item = talk.session.chat_ctx.items[0].id
        talk.session.send_event({"type": "conversation.item.retrieve", "item_id": item})
        assert (await talk.event("conversation.item.retrieved"))["item"]["id"] == item


@feature("cancel when idle")
async def cancel_when_idle() -> None:
    async with talking(modalities=["text"]) as talk:
        talk.session.send_event({"type": "response.cancel"})
        await talk.event("error")
        assert await talk.asked("there?") == "You said there?."
        assert not talk.errors, talk.errors


@feature("double response.create")
async def double_create() -> None:
    async with talking(modalities=["text"]) as talk:
        await talk.say("tell me a story")
        first = await talk.session.generate_reply()
        talk.session.send_event({"type": "response.create", "event_id": "second"})
        error = (await talk.event("error"))["error"]
        assert error["code"] == "conversation_already_has_active_response"
        assert (await words(first)).startswith("Once")
        assert await talk.asked("hello") == "You said hello."


@feature("image")
async def image() -> None:
    async with talking(modalities=["text"]) as talk:
        context = talk.session.chat_ctx.copy()
        context.add_message(role="user", content=["what?", llm.ImageContent(image=PICTURE)])
        await talk.session.update_chat_ctx(context)
        said = await words(await talk.session.generate_reply())
        assert said == "I see a picture.", said
        assert not talk.errors


@feature("history edit")
async def history_edit() -> None:
    async with talking(modalities=["text"]) as talk:
        for text in ("one", "two", "three"):
            await talk.say(text)
        context = talk.session.chat_ctx.copy()
        context.items = [item for item in context.items if item.text_content != "two"]
        context.items.insert(0, llm.ChatMessage(role="user", content=["zero"]))
        await talk.session.update_chat_ctx(context)
        said = await talk.asked("what is our history?")
        assert "zero one three" in said, said
        assert not talk.errors


@feature("secret")
async def secret() -> None:
    client = openai_package.AsyncOpenAI(api_key=KEY, base_url=URL)
    made = await client.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 10}
    )
    async with talking(key=made.value, modalities=["text"]) as talk:
        assert await talk.asked("hello") == "You said hello."
    await asyncio.sleep(11)
    async with talking(key=made.value, modalities=["text"]) as talk:
        await asyncio.sleep(1)
        assert not talk.raw


if __name__ == "__main__":
    run()
