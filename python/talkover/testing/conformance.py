"""Does an engine keep to `engines/base.py`? One check for each kind, for any implementation.

Each warms the engine, uses it as a session would, closes it, and raises AssertionError with a
sentence about what is wrong. They run in real time, on an ordinary event loop.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar, cast

from ..engines.base import (
    Endpointer,
    Engine,
    Llm,
    Opening,
    Speech,
    SpeechToSpeech,
    Stt,
    SttStream,
    TextDelta,
    ToolCall,
    Tts,
    Usage,
    Words,
)
from ..errors import EngineError

T = TypeVar("T")

PROMPT_S = 1.0
STOP_S = 0.03
"""Stopping takes no longer."""
TRIES = 5
"""Of which the best counts: the machine may be busy, the engine may not."""
PATIENCE_S = 60.0
PIECE = 640
"""Bytes of 20 ms at 16 kHz."""

SENTENCE = "One. This is a sentence with, say, ten words in it."
LONG = " ".join(f"This is sentence number {n}, and it is as dull as the others." for n in range(20))


async def check_tts(tts: Tts, text: str = SENTENCE) -> None:
    """A voice: whole chunks at one rate, marks within the text, and it stops when it is told to."""
    async with _warm(tts, "tts"):
        _check_speech(await _spoken(tts, text), text, tts.info.marks)
        await _stops(
            lambda: tts.speak(LONG, voice=None, language="en"), "Closing the stream of speech"
        )
        again, other = await asyncio.gather(_spoken(tts, text), _spoken(tts, "Something else."))
        _check_speech(again, text, tts.info.marks)
        _check_speech(other, "Something else.", tts.info.marks)


async def check_llm(llm: Llm, ask: str = "Say hello.", *, tool: str | None = None) -> None:
    """A model. `tool`: words that make it call a tool `weather(city: string)`."""
    async with _warm(llm, "llm"):
        parts = await _answered(llm, [_user(ask)])
        assert any(isinstance(part, TextDelta) and part.text for part in parts), (
            f"No text came for {ask!r}."
        )
        assert sum(isinstance(part, Usage) for part in parts) <= 1, "Usage is told once, if at all."
        await _stops(lambda: llm.reply([_user(ask)], []), "Closing the stream of an answer")
        said = llm.while_speaking("one two three")
        assert said is None or isinstance(cast(object, said), str), "while_speaking: text or None."
        if tool is not None:
            await _check_tools(llm, tool)


async def check_stt(stt: Stt, pcm: bytes, words: str) -> None:
    """An ear. `pcm`: an utterance, 16 kHz mono s16le; `words`: a pattern that its words match."""
    async with _warm(stt, "stt"):
        partials: list[Words] = []
        stream = stt.open("en", partials.append)
        await _understands(stream, pcm, words)
        assert all(not partial.final for partial in partials), "What on_words gets is not final."
        again = await _finished(stream)
        assert re.search(words, again.text, re.IGNORECASE), (
            f"Asked again for the words of the same utterance, it said {again.text!r}."
        )
        stream.reset()
        nothing = await _finished(stream)
        assert not nothing.text.strip(), f"After reset there are still words: {nothing.text!r}."
        await _gives_up(stream, pcm)
        stream.reset()
        await _understands(stream, pcm, words)
        beside = stt.open("en", lambda _: None)
        stream.reset()
        await asyncio.gather(*(_understands(one, pcm, words) for one in (stream, beside)))
        stream.close()
        beside.close()


async def check_s2s(model: SpeechToSpeech) -> None:
    """Speech to speech: dialogues begin with a history, take sound and any order of calls, stand
    beside each other, and stop when they are told to."""
    history: list[dict[str, Any]] = [_user("I am Ada."), {"role": "assistant", "content": "Hello."}]
    async with _warm(model, "s2s"):
        opening = Opening("Be brief.", [WEATHER], history)
        one, other = [await _timely(model.open(opening), "open") for _ in range(2)]
        for dialogue in (one, other):
            assert dialogue.resume is None or dialogue.resume, "An empty name resumes nothing."
            dialogue.feed(bytes(10 * PIECE))
        await _timely(one.tell(_user("It is noon.")), "tell")
        call = ToolCall("elsewhere", "weather", "{}")
        await _timely(one.result(call, "sunny"), "The result of a call of another dialogue")
        await _timely(one.update("Be very brief.", []), "update")
        await _timely(one.ask("Say hello."), "ask")
        await _timely(one.truncate(None, 0), "truncate")
        await _timely(one.close(), "close", PROMPT_S)
        await _timely(one.close(), "Closing it again", PROMPT_S)
        await _timely(other.ask(), "ask, once another dialogue is closed")
        await _timely(other.close(), "close", PROMPT_S)

        async def opened() -> Callable[[], Awaitable[None]]:
            return (await _timely(model.open(opening), "open")).close

        await _promptly(opened, "close")


async def check_failure(engine: Engine) -> None:
    """An engine that cannot work (a wrong address, a missing model) says so by EngineError, from
    `warm` or when it is first used."""
    try:
        await _timely(engine.warm(), "warm")
        await _use(engine)
    except EngineError as error:
        assert error.message.strip(), "The error says nothing."
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"It raised {error!r}; engines raise EngineError.") from error
    else:
        raise AssertionError("It works; give one that cannot.")
    finally:
        await engine.close()


# ---- in common -----------------------------------------------------------------------------------


@asynccontextmanager
async def _warm(engine: Engine, role: str):
    assert engine.info.role == role, f"info.role is {engine.info.role!r}, not {role!r}."
    assert engine.info.name and engine.info.where, "info needs a name, and where it runs."
    await _timely(engine.warm(), "warm")
    try:
        await _timely(engine.warm(), "warm")
        yield
    finally:
        await engine.close()


async def _timely(work: Awaitable[T], what: str, seconds: float = PATIENCE_S) -> T:
    try:
        return await asyncio.wait_for(work, seconds)
    except TimeoutError:
        raise AssertionError(f"{what} took longer than {seconds:g} s.") from None


async def _promptly(
    start: Callable[[], Awaitable[Callable[[], Awaitable[Any]]]], what: str
) -> None:
    """`start` gives what stops that which it started."""
    took = PROMPT_S
    for _ in range(TRIES):
        stop = await start()
        began = time.perf_counter()
        await _timely(stop(), what, PROMPT_S)
        took = min(took, time.perf_counter() - began)
        if took <= STOP_S:
            return
    raise AssertionError(f"{what} took {took * 1000:.0f} ms; it may take {STOP_S * 1000:.0f}.")


async def _stops(begin: Callable[[], AsyncGenerator[Any]], what: str) -> None:
    async def start() -> Callable[[], Awaitable[None]]:
        stream = begin()
        await _timely(anext(stream), "The first piece")
        return stream.aclose

    await _promptly(start, what)


async def _all(stream: AsyncGenerator[T]) -> list[T]:
    async with aclosing(stream) as pieces:
        return [piece async for piece in pieces]


async def _use(engine: Engine) -> None:
    match engine.info.role:
        case "tts":
            await _spoken(cast(Tts, engine), SENTENCE)
        case "llm":
            await _answered(cast(Llm, engine), [_user("Say hello.")])
        case "stt":
            stream = cast(Stt, engine).open("en", lambda _: None)
            stream.feed(bytes(50 * PIECE))
            await stream.finish()
        case "s2s":
            opening = Opening("Be brief.", [], [])
            await (await cast(SpeechToSpeech, engine).open(opening)).close()
        case "turn":
            await cast(Endpointer, engine).likely_end(bytes(50 * PIECE))


# ---- voices --------------------------------------------------------------------------------------


async def _spoken(tts: Tts, text: str) -> list[Speech]:
    return await _timely(_all(tts.speak(text, voice=None, language="en")), "Speaking")


def _check_speech(chunks: list[Speech], text: str, marks: bool) -> None:
    assert chunks, f"No speech came for {text!r}."
    rates = {chunk.rate for chunk in chunks}
    assert len(rates) == 1, f"One stream has one rate; this one has {sorted(rates)}."
    (rate,) = rates
    assert 4000 <= rate <= 192_000, f"A rate of {rate} Hz is impossible."
    assert all(len(chunk.pcm) % 2 == 0 for chunk in chunks), "16-bit PCM has an even size."
    assert any(any(chunk.pcm) for chunk in chunks), "All of it is silence."
    seconds = sum(len(chunk.pcm) for chunk in chunks) / 2 / rate
    assert 0.2 < seconds < len(text), f"{len(text)} characters took {seconds:.2f} s."
    _check_marks(chunks, text, marks)


def _check_marks(chunks: list[Speech], text: str, marks: bool) -> None:
    begin, last, reached = 0, 0, 0
    count = 0
    for chunk in chunks:
        samples = len(chunk.pcm) // 2
        for at, offset in chunk.words:
            assert 0 <= at <= samples, f"A mark at sample {at} of a chunk of {samples}."
            assert 0 <= offset < len(text), f"A mark for character {offset} of {len(text)}."
            assert not text[offset].isspace(), f"The mark for character {offset} is at no word."
            assert begin + at >= last and offset >= reached, (
                f"The mark for character {offset} goes back."
            )
            last, reached = begin + at, offset
            count += 1
        begin += samples
    assert not count or marks, "It gives marks; say so in info.marks."
    words = len(text.split())
    assert not marks or count >= words / 2, f"info.marks, but {count} marks for {words} words."


# ---- models --------------------------------------------------------------------------------------


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


async def _answered(
    llm: Llm, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None
) -> list[TextDelta | ToolCall | Usage]:
    parts = await _timely(_all(llm.reply(messages, tools or [])), "Answering")
    for part in parts:
        assert isinstance(cast(object, part), (TextDelta, ToolCall, Usage)), (
            f"{part!r} is no part of an answer."
        )
    return parts


WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


async def _check_tools(llm: Llm, ask: str) -> None:
    parts = await _answered(llm, [_user(ask)], [WEATHER])
    calls = [part for part in parts if isinstance(part, ToolCall)]
    assert calls, f"No tool was called for {ask!r}."
    assert len({call.id for call in calls}) == len(calls), "Each call has an id of its own."
    asked: list[dict[str, Any]] = []
    for call in calls:
        assert call.name == "weather", f"There is no tool {call.name!r}."
        arguments = json.loads(call.arguments)
        assert isinstance(arguments, dict), f"The arguments {call.arguments!r} are no JSON object."
        function = {"name": call.name, "arguments": call.arguments}
        asked.append({"id": call.id, "type": "function", "function": function})
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in calls]
    history = [_user(ask), {"role": "assistant", "content": "", "tool_calls": asked}, *results]
    after = await _answered(llm, history, [WEATHER])
    assert any(isinstance(part, TextDelta) for part in after), "No text came after the result."


# ---- ears ----------------------------------------------------------------------------------------


async def _understands(stream: SttStream, pcm: bytes, words: str) -> None:
    for start in range(0, len(pcm), PIECE):
        stream.feed(pcm[start : start + PIECE])
        await asyncio.sleep(0)
    said = await _finished(stream)
    assert re.search(words, said.text, re.IGNORECASE), f"It understood {said.text!r}."


async def _finished(stream: SttStream) -> Words:
    words = await _timely(stream.finish(), "finish")
    assert words.final, "What finish gives is final."
    return words


async def _gives_up(stream: SttStream, pcm: bytes) -> None:
    async def briefly() -> None:
        try:
            async with asyncio.timeout(0.001):
                await stream.finish()
        except TimeoutError:
            pass

    async def start() -> Callable[[], Awaitable[None]]:
        stream.feed(pcm)
        return briefly

    await _promptly(start, "Cancelling finish")
