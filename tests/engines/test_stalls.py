"""Real servers that take a request and then say nothing, or stop in the middle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from talkover.engines.fallback import Chain
from talkover.engines.registry import Choice, Engines, build
from talkover.errors import EngineError

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
DELTA = b'data: {"choices":[{"delta":{"content":"Hello. "}}]}\n\n'
STALL_S = 0.6
CANCEL_S = 0.03


@asynccontextmanager
async def server(*sent: bytes, forever: bytes = b"") -> AsyncIterator[str]:
    """Answers every request with `sent`, then `forever` again and again, or nothing, but stays."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in sent:
            writer.write(piece)
        while forever and not over.is_set() and not writer.is_closing():
            writer.write(forever)
            await asyncio.sleep(0.05)
        await over.wait()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    finally:
        over.set()
        listening.close()


def chosen(url: str) -> Engines:
    return build(Choice(llm=url, model="m", stt=url, tts=url, stall_s=STALL_S))


def answer(engines: Engines) -> AsyncGenerator[Any]:
    return engines.llm.reply([{"role": "user", "content": "x"}], [])


def speech(engines: Engines) -> AsyncGenerator[Any]:
    return engines.tts.speak("Hello.", voice=None, language="en")


async def words(engines: Engines) -> AsyncGenerator[Any]:
    stream = engines.stt.open("en", lambda _: None)
    stream.feed(bytes(6400))
    yield await stream.finish()


Use = Callable[[Engines], AsyncGenerator[Any]]


@pytest.mark.parametrize("use", [answer, speech, words])
async def test_a_server_that_answers_nothing_is_given_up(use: Use):
    async with server() as url:
        engines = chosen(url)
        with pytest.raises(EngineError) as raised:
            await anext(use(engines))
        assert raised.value.code == "engine_stalled"
        await engines.close()


async def test_a_server_that_only_keeps_the_line_open_is_given_up():
    async with server(HEAD, forever=b": still here\n\n") as url:
        engines = chosen(url)
        with pytest.raises(EngineError, match="gave nothing"):
            await anext(answer(engines))
        await engines.close()


@pytest.mark.parametrize(("use", "piece"), [(answer, DELTA), (speech, bytes(4800))])
async def test_a_server_that_stops_in_the_middle_is_given_up(use: Use, piece: bytes):
    async with server(HEAD, piece) as url:
        engines = chosen(url)
        stream = use(engines)
        assert await anext(stream)
        with pytest.raises(EngineError) as raised:
            await anext(stream)
        assert raised.value.code == "engine_stalled"
        await engines.close()


@pytest.mark.parametrize("use", [answer, speech, words])
async def test_the_next_server_answers_in_the_place_of_one_that_hangs(use: Use):
    good = {
        answer: (HEAD, DELTA, b"data: [DONE]\n\n"),
        speech: (HEAD, bytes(4800)),
        words: (b'HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{"text": "hi"}',),
    }[use]
    async with server() as silent, server(*good) as url:
        engines = chosen(f"{silent}#m, {url}#m")
        assert await anext(use(engines))
        assert all(isinstance(engine, Chain) for engine in engines.all)
        await engines.close()


@pytest.mark.parametrize("use", [answer, speech, words])
@pytest.mark.parametrize("sent", [(), (HEAD, DELTA)])
async def test_a_stream_that_waits_is_cancelled_within_30_ms(use: Use, sent: tuple[bytes, ...]):
    async with server(*sent) as url:
        took: list[float] = []
        # The best of some: the machine may be busy, the code may not.
        for _ in range(5):
            engines = build(Choice(llm=url, model="m", stt=url, tts=url))
            stream = use(engines)

            async def read(stream: AsyncGenerator[Any] = stream) -> None:
                async for _ in stream:
                    pass

            task = asyncio.create_task(read())
            await asyncio.sleep(0.1)
            assert not task.done()
            begun = time.perf_counter()
            task.cancel()
            await asyncio.wait([task])
            took.append(time.perf_counter() - begun)
            await engines.close()
        assert min(took) < CANCEL_S
