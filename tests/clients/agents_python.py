"""`openai-agents` for Python: its realtime session over a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import openai
from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.realtime.model_inputs import RealtimeModelSendRawMessage
from trial import KEY, PICTURE, SPEECH, URL, WS, feature, run

TEXT: dict[str, Any] = {"output_modalities": ["text"]}


@function_tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


class Talk:
    """A session, and all that came of it."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.raw: list[dict[str, Any]] = []
        self.kinds: list[str] = []
        self.errors: list[Any] = []
        self._more = asyncio.Event()

    async def read(self) -> None:
        async for event in self.session:
            self.kinds.append(event.type)
            if event.type == "raw_model_event" and event.data.type == "raw_server_event":
                self.raw.append(event.data.data)
            if event.type == "error":
                self.errors.append(event.error)
            self._more.set()

    async def until(self, true: Callable[[], Any]) -> Any:
        while not (found := true()):
            self._more.clear()
            await self._more.wait()
        return found

    async def event(self, kind: str, past: int = 0) -> dict[str, Any]:
        def find() -> Any:
            return [e for e in self.raw if e["type"] == kind][past : past + 1]

        return (await self.until(find))[0]

    async def send(self, kind: str, **fields: Any) -> None:
        message: Any = {"type": kind, "other_data": fields}
        await self.session.model.send_event(RealtimeModelSendRawMessage(message=message))

    def said(self) -> list[str]:
        return [
            part.text if part.type == "text" else part.transcript
            for item in self.session._history
            if item.type == "message" and item.role == "assistant"
            for part in item.content
        ]

    async def asked(self, text: str) -> str:
        done = sum(e["type"] == "response.done" for e in self.raw)
        await self.session.send_message(text)
        await self.event("response.done", done)
        await asyncio.sleep(0.05)
        return self.said()[-1]

    async def speak(self) -> None:
        for at in range(0, len(SPEECH) + 48000, 4800):
            await self.session.send_audio(SPEECH[at : at + 4800] or bytes(4800))
            await asyncio.sleep(0.1)


@asynccontextmanager
async def talking(key: str = KEY, tools: Any = (), **settings: Any) -> AsyncIterator[Talk]:
    agent = RealtimeAgent(name="Test", instructions="You are a test.", tools=list(tools))
    config: Any = {
        "url": f"{WS}/realtime?model=gpt-realtime", "api_key": key,
        "initial_model_settings": settings,
    }  # fmt: skip
    session = await RealtimeRunner(agent).run(model_config=config)
    async with session:
        talk = Talk(session)
        reading = asyncio.create_task(talk.read())
        try:
            yield talk
        finally:
            reading.cancel()


@feature("connect")
async def connect() -> None:
    async with talking() as talk:
        updated = await talk.event("session.updated")
        assert updated["session"]["instructions"] == "You are a test."
        assert not talk.errors


@feature("text turn")
async def text_turn() -> None:
    async with talking(modalities=["text"]) as talk:
        assert await talk.asked("hello") == "You said hello."
        assert not talk.errors, talk.errors


@feature("audio turn")
async def audio_turn() -> None:
    async with talking() as talk:
        speaking = asyncio.create_task(talk.speak())
        await talk.event("response.done")
        assert talk.said()[-1] == "You said what is the weather."
        assert talk.kinds.count("audio") > 10
        await speaking
        assert not talk.errors, talk.errors


@feature("tool call")
async def tool_call() -> None:
    async with talking(tools=[get_weather], modalities=["text"]) as talk:
        await talk.session.send_message("use the tool")
        await talk.event("response.done", 1)
        await talk.until(lambda: talk.said())
        assert talk.said()[-1] == "The tool says rain in Paris."
        assert not talk.errors, talk.errors


@feature("barge-in")
async def barge_in() -> None:
    async with talking() as talk:
        await talk.session.send_message("tell me a story")
        await talk.event("response.output_audio.delta")
        await asyncio.sleep(1)
        speaking = asyncio.create_task(talk.speak())
        done = await talk.event("response.done")
        assert done["response"]["status"] == "cancelled"
        await talk.until(lambda: "audio_interrupted" in talk.kinds)
        await talk.event("response.done", 1)
        assert talk.said()[-1] == "You said what is the weather."
        await speaking
        assert not talk.errors, talk.errors


@feature("truncate")
async def truncate() -> None:
    async with talking() as talk:
        await talk.session.send_message("tell me a story")
        await talk.event("response.output_audio.delta")
        await asyncio.sleep(1.5)
        await talk.session.interrupt()
        cut = await talk.event("conversation.item.truncated")
        assert 500 < cut["audio_end_ms"] < 3000, cut
        assert not talk.errors, talk.errors


@feature("retrieve")
async def retrieve() -> None:
    async with talking(modalities=["text"]) as talk:
        await talk.asked("hello")
        item = (await talk.event("conversation.item.added"))["item"]["id"]
        await talk.send("conversation.item.retrieve", item_id=item)
        assert (await talk.event("conversation.item.retrieved"))["item"]["id"] == item


@feature("cancel when idle")
async def cancel_when_idle() -> None:
    async with talking(modalities=["text"]) as talk:
        await talk.session.interrupt()
        await talk.send("response.cancel", event_id="idle")
        error = (await talk.event("error"))["error"]
        assert error["code"] == "response_cancel_not_active"
        assert await talk.asked("there?") == "You said there?."


@feature("double response.create")
async def double_create() -> None:
    async with talking(modalities=["text"]) as talk:
        await talk.session.send_message("tell me a story")
        # The SDK itself keeps the second one back until the first is done.
        await talk.send("response.create", event_id="second")
        await talk.event("response.done", 1)
        assert await talk.asked("hello") == "You said hello."


@feature("image")
async def image() -> None:
    async with talking(modalities=["text"]) as talk:
        await talk.session.send_message(
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "what is this?"},
                    {"type": "input_image", "image_url": PICTURE},
                ],
            }
        )
        await talk.event("response.done")
        await talk.until(talk.said)
        assert talk.said()[-1] == "I see a picture."
        assert not talk.errors, talk.errors


@feature("history edit")
async def history_edit() -> None:
    async with talking(modalities=["text"]) as talk:
        await talk.asked("one")
        await talk.asked("two")
        two = [
            e["item"]["id"] for e in talk.raw
            if e["type"] == "conversation.item.added" and "two" in str(e["item"])
        ]  # fmt: skip
        await talk.send("conversation.item.delete", item_id=two[0])
        await talk.event("conversation.item.deleted")
        said = await talk.asked("what is our history?")
        assert said == "I know one / what is our history?.", said


@feature("secret")
async def secret() -> None:
    client = openai.AsyncOpenAI(api_key=KEY, base_url=URL)
    made = await client.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 10}
    )
    async with talking(key=made.value, modalities=["text"]) as talk:
        assert await talk.asked("hello") == "You said hello."
    await asyncio.sleep(11)
    try:
        async with talking(key=made.value):
            raise AssertionError("an expired secret was taken")
    except Exception as error:
        assert "401" in str(error), error


if __name__ == "__main__":
    run()
