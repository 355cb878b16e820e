"""LiveKit's OpenAI plugin in the Live dialect: its duplex session, as its agents use it."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livekit import rtc
from livekit.agents import llm
from livekit.plugins.openai import realtime
from trial import KEY, SPEECH, URL, feature, run


class Talk:
    def __init__(self, session: Any) -> None:
        self.session = session
        self.raw: list[dict[str, Any]] = []
        self.errors: list[Any] = []
        self.loud = 0
        self._more = asyncio.Event()
        session.on("openai_server_event_received", self._take)
        session.on("error", self.errors.append)
        self._hearing = asyncio.create_task(self._hear())

    def _take(self, event: dict[str, Any]) -> None:
        self.raw.append(event)
        self._more.set()

    async def _hear(self) -> None:
        async for one in self.session.audio_stream:
            self.loud += sum(abs(level) > 500 for level in array("h", bytes(one.frame.data)))

    async def event(self, kind: str) -> dict[str, Any]:
        while not (found := [e for e in self.raw if e["type"] == kind]):
            self._more.clear()
            await self._more.wait()
        return found[0]

    async def said(self, words: str, who: str = "output") -> str:
        while words not in (text := self.text(who)):
            self._more.clear()
            await self._more.wait()
        return text

    def text(self, who: str) -> str:
        kind = f"session.{who}_transcript.delta"
        return "".join(e["delta"] for e in self.raw if e["type"] == kind)

    async def speak(self) -> None:
        for at in range(0, len(SPEECH) + 48000, 4800):
            piece = SPEECH[at : at + 4800].ljust(4800, b"\0")
            self.session.push_audio(rtc.AudioFrame(piece, 24000, 1, 2400))
            await asyncio.sleep(0.1)


@asynccontextmanager
async def talking(
    *said: str, tools: list[Any] | None = None, key: str = KEY, **settings: Any
) -> AsyncIterator[Talk]:
    """A session whose caller has said these lines already."""
    model = realtime.GPTLiveModel(base_url=URL, api_key=key, **settings)
    session = model.session()
    talk = Talk(session)
    history = llm.ChatContext.empty()
    for text in said:
        history.add_message(role="user", content=text)
    try:
        await session._update_session(instructions="Be brief.", chat_ctx=history, tools=tools or [])
        await talk.event("session.started")
        yield talk
        assert not talk.errors
    finally:
        await session.aclose()
        await model.aclose()


@feature("connect")
async def connect() -> None:
    async with talking() as talk:
        started = await talk.event("session.started")
        assert started["session"]["instructions"] == "Be brief."
        assert talk.session.session_id == started["session"]["id"]


@feature("text turn")
async def text_turn() -> None:
    async with talking("hello") as talk:
        talk.session._generate_reply()
        await talk.said("You said hello.")


@feature("audio turn")
async def audio_turn() -> None:
    async with talking() as talk:
        await talk.speak()
        await talk.said("You said what is the weather.")
        await talk.event("session.usage.updated")
        assert talk.loud > 24000


@feature("transcription")
async def transcription() -> None:
    async with talking() as talk:
        finals: asyncio.Queue[str] = asyncio.Queue()
        talk.session.on(
            "input_audio_transcription_completed",
            lambda event: event.is_final and finals.put_nowait(event.transcript),
        )
        await talk.speak()
        assert await finals.get() == "what is the weather"


@feature("tool call")
async def tool_call() -> None:
    @llm.function_tool
    async def get_weather(city: str) -> str:
        """The weather of a city."""
        return f"rain in {city}"

    async with talking("use the tool", tools=[get_weather]) as talk:
        calls: asyncio.Queue[Any] = asyncio.Queue()
        talk.session.on("function_call", calls.put_nowait)
        talk.session._generate_reply()
        call = await calls.get()
        assert (call.name, call.arguments) == ("get_weather", '{"city": "Paris"}')
        output = llm.FunctionCallOutput(
            call_id=call.call_id, name=call.name, output="rain in Paris", is_error=False
        )
        await talk.session._append_items([output])
        await talk.said("The tool says rain in Paris.")


@feature("delegation")
async def delegation() -> None:
    async with talking("ask the application", delegation="client") as talk:
        asked: asyncio.Queue[Any] = asyncio.Queue()
        talk.session.on("delegation_created", asked.put_nowait)
        talk.session._generate_reply()
        talk.session.append_commentary("all is well", delegation_id=(await asked.get()).id)
        await talk.said("The application says all is well.")


@feature("mute")
async def mute() -> None:
    async with talking() as talk:
        talk.session.mute_input()
        await talk.event("session.input_audio.muted")
        await talk.speak()
        talk.session.unmute_input()
        await talk.event("session.input_audio.unmuted")
        assert not talk.text("input")
        await talk.speak()
        await talk.said("You said what is the weather.")


@feature("barge-in")
async def barge_in() -> None:
    async with talking("tell me a story") as talk:
        talk.session._generate_reply()
        await talk.said("lighthouse")
        await talk.speak()
        said = await talk.said("You said what is the weather.")
        assert said.count("lighthouse") < 3, said


@feature("hang-up")
async def hang_up() -> None:
    async with talking() as talk:
        await talk.session.aclose()
        assert (await talk.event("session.closed"))["reason"] == "close_requested"


if __name__ == "__main__":
    run()
