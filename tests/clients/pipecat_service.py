"""Pipecat's OpenAIRealtimeLLMService in a whole pipeline, with context aggregators around it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import openai
from loguru import logger
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InputImageRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMMessagesAppendFrame,
    LLMRunFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from trial import KEY, SPEECH, TOOL, URL, WS, feature, run

logger.remove()
logger.add(sys.stderr, level="ERROR")


class Sink(FrameProcessor):
    """What comes out of the service, both ways."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Frame] = []
        self._more = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.frames.append(frame)
        self._more.set()
        await self.push_frame(frame, direction)

    async def until(self, true: Callable[[], Any]) -> Any:
        while not (found := true()):
            self._more.clear()
            await self._more.wait()
        return found

    def of(self, kind: type[Frame]) -> list[Any]:
        return [frame for frame in self.frames if isinstance(frame, kind)]


class Talk:
    def __init__(self, task: Any, llm: Any, before: Sink, after: Sink, context: Any) -> None:
        self.task, self.llm, self.context = task, llm, context
        self.before, self.after = before, after
        self.raw: list[dict[str, Any]] = []
        self._more = asyncio.Event()

    def seen(self, event: dict[str, Any]) -> None:
        self.raw.append(event)
        self._more.set()

    async def event(self, kind: str, past: int = 0) -> dict[str, Any]:
        while len(found := [e for e in self.raw if e["type"] == kind]) <= past:
            self._more.clear()
            await self._more.wait()
        return found[past]

    @property
    def errors(self) -> list[Any]:
        return self.before.of(ErrorFrame) + self.after.of(ErrorFrame)

    def said(self) -> str:
        return "".join(f.text for f in self.after.frames if isinstance(f, LLMTextFrame))

    async def asked(self, text: str) -> str:
        """By the context, as every Pipecat agent does it."""
        ends = len(self.after.of(LLMFullResponseEndFrame))
        before = len(self.said())
        self.context.add_message({"role": "user", "content": text})
        await self.task.queue_frame(LLMRunFrame())
        await self.after.until(lambda: len(self.after.of(LLMFullResponseEndFrame)) > ends)
        return self.said()[before:].strip()

    async def speak(self) -> None:
        for at in range(0, len(SPEECH) + 48000, 4800):
            piece = SPEECH[at : at + 4800].ljust(4800, b"\0")
            await self.task.queue_frame(InputAudioRawFrame(piece, 24000, 1))
            await asyncio.sleep(0.1)


@asynccontextmanager
async def talking(key: str = KEY, tools: Any = None, **settings: Any) -> AsyncIterator[Talk]:
    properties = events.SessionProperties(
        audio=events.AudioConfiguration(
            input=events.AudioInput(transcription=events.InputAudioTranscription()),
        ),
        tools=tools, **settings,
    )  # fmt: skip
    llm = OpenAIRealtimeLLMService(
        api_key=key, base_url=f"{WS}/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            model="gpt-realtime", session_properties=properties,
            system_instruction="You are a test.",
        ),
    )  # fmt: skip
    context = LLMContext()
    pair = LLMContextAggregatorPair(context)
    before, after = Sink(), Sink()
    pipeline = Pipeline([pair.user(), before, llm, after, pair.assistant()])
    task = PipelineTask(
        pipeline,
        params=PipelineParams(audio_in_sample_rate=24000, audio_out_sample_rate=24000),
        enable_rtvi=False,
    )
    talk = Talk(task, llm, before, after, context)
    parse = events.parse_server_event

    def seen(text: str) -> Any:
        talk.seen(json.loads(text))
        return parse(text)

    events.parse_server_event = seen
    running = asyncio.create_task(PipelineRunner(handle_sigint=False).run(task))
    try:
        yield talk
    finally:
        events.parse_server_event = parse
        await task.cancel()
        await asyncio.wait([running], timeout=10)


TEXT: Any = {"output_modalities": ["text"]}


@feature("connect")
async def connect() -> None:
    async with talking() as talk:
        updated = await talk.event("session.updated")
        assert updated["session"]["audio"]["input"]["transcription"]
        assert not talk.errors


@feature("text turn")
async def text_turn() -> None:
    async with talking(**TEXT) as talk:
        assert await talk.asked("hello") == "You said hello."
        assert not talk.errors, talk.errors


@feature("audio turn")
async def audio_turn() -> None:
    async with talking() as talk:
        speaking = asyncio.create_task(talk.speak())
        await talk.event("response.done")
        await speaking
        assert sum(len(f.audio) for f in talk.after.of(TTSAudioRawFrame)) > 48000
        words = [f.text for f in talk.before.of(TranscriptionFrame)]
        assert words == ["what is the weather"], words
        said = "".join(f.text for f in talk.after.of(TTSTextFrame))
        assert said.replace(" ", "") == "Yousaidwhatistheweather.", said
        assert not talk.errors, talk.errors


@feature("tool call")
async def tool_call() -> None:
    async with talking(tools=[TOOL], **TEXT) as talk:

        async def weather(call: Any) -> None:
            await call.result_callback({"sky": "rain"})

        talk.llm.register_function("get_weather", weather)
        talk.context.add_message({"role": "user", "content": "use the tool"})
        await talk.task.queue_frame(LLMRunFrame())
        await talk.after.until(lambda: "The tool says" in talk.said())
        await talk.event("response.done", 1)
        assert "rain" in talk.said()
        assert not talk.errors, talk.errors


@feature("barge-in")
async def barge_in() -> None:
    async with talking() as talk:
        talk.context.add_message({"role": "user", "content": "tell me a story"})
        await talk.task.queue_frame(LLMRunFrame())
        await talk.event("response.output_audio.delta")
        await asyncio.sleep(1)
        speaking = asyncio.create_task(talk.speak())
        done = await talk.event("response.done")
        assert done["response"]["status"] == "cancelled"
        await talk.before.until(lambda: talk.before.of(InterruptionFrame))
        again = await talk.event("response.done", 1)
        said = again["response"]["output"][0]["content"][0]["transcript"]
        assert said == "You said what is the weather."
        await speaking
        assert not talk.errors, talk.errors


@feature("truncate")
async def truncate() -> None:
    async with talking() as talk:
        talk.context.add_message({"role": "user", "content": "tell me a story"})
        await talk.task.queue_frame(LLMRunFrame())
        await talk.event("response.output_audio.delta", 60)
        # As the service does itself when its user interrupts.
        await talk.llm._truncate_current_audio_response()
        cut = await talk.event("conversation.item.truncated")
        assert cut["audio_end_ms"] < 2000, cut
        assert not talk.errors, talk.errors


@feature("retrieve")
async def retrieve() -> None:
    async with talking(**TEXT) as talk:
        await talk.asked("hello")
        item = (await talk.event("conversation.item.added"))["item"]["id"]
        found = await talk.llm.retrieve_conversation_item(item)
        assert found.id == item
        try:
            await talk.llm.retrieve_conversation_item("no_such_item")
        except Exception:
            # An error that it does not know would have ended its receive loop.
            await talk.llm.send_client_event(events.ResponseCreateEvent())
            await talk.event("response.done", 1)
            assert not talk.errors, talk.errors
            return
        raise AssertionError("an item that is not there was retrieved")


@feature("cancel when idle")
async def cancel_when_idle() -> None:
    async with talking(**TEXT) as talk:
        await talk.event("session.updated")
        await talk.llm.send_client_event(events.ResponseCancelEvent())
        await talk.event("error")
        assert await talk.asked("there?") == "You said there?."
        assert not talk.errors, talk.errors


@feature("double response.create")
async def double_create() -> None:
    async with talking(**TEXT) as talk:
        talk.context.add_message({"role": "user", "content": "tell me a story"})
        await talk.task.queue_frame(LLMRunFrame())
        await talk.event("response.created")
        await talk.llm.send_client_event(events.ResponseCreateEvent())
        error = (await talk.event("error"))["error"]
        assert error["code"] == "conversation_already_has_active_response"
        await talk.event("response.done")
        assert not talk.errors, talk.errors


@feature("image")
async def image() -> None:
    async with talking(**TEXT) as talk:
        await talk.asked("hello")
        pixels = bytes(3 * 16 * 16)
        await talk.task.queue_frame(InputImageRawFrame(pixels, (16, 16), "RGB"))
        await talk.event("conversation.item.added", 2)
        await talk.llm.send_client_event(events.ResponseCreateEvent())
        await talk.event("response.done", 1)
        assert talk.said().endswith("I see a picture."), talk.said()
        assert not talk.errors, talk.errors


@feature("history edit")
async def history_edit() -> None:
    async with talking(**TEXT) as talk:
        await talk.asked("one")
        append = LLMMessagesAppendFrame([{"role": "user", "content": "two"}], run_llm=False)
        await talk.task.queue_frame(append)
        ids = [e["item"]["id"] for e in talk.raw if e["type"] == "conversation.item.added"]
        await talk.llm.send_client_event(events.ConversationItemDeleteEvent(item_id=ids[0]))
        await talk.event("conversation.item.deleted")
        assert not talk.errors, talk.errors


@feature("secret")
async def secret() -> None:
    client = openai.AsyncOpenAI(api_key=KEY, base_url=URL)
    made = await client.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 10}
    )
    async with talking(key=made.value, **TEXT) as talk:
        assert await talk.asked("hello") == "You said hello."
    await asyncio.sleep(11)
    async with talking(key=made.value, **TEXT) as talk:
        await talk.before.until(lambda: talk.errors)
        assert not talk.raw


if __name__ == "__main__":
    run()
