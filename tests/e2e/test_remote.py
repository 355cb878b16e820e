"""Engines behind OpenAI-compatible servers on loopback, and servers that are not there."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from e2e.server import Server, spoken
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from talkover.cli.caller import Caller, read_wav

pytestmark = pytest.mark.e2e

AGENT = '''
from talkover import Agent

agent = Agent("Be brief.")

@agent.tool(safe=True)
def stock(item: str) -> int:
    """How many there are."""
    return 7
'''


class Provider:
    """A small OpenAI-compatible server; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.heard: list[int] = []
        self.closed = 0
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        app = Starlette(
            routes=[
                Route("/v1/models", self.models),
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/audio/transcriptions", self.transcribe, methods=["POST"]),
                Route("/v1/audio/speech", self.speak, methods=["POST"]),
            ]
        )
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        self.thread = threading.Thread(target=self.server.run, args=([listener],), daemon=True)
        self.thread.start()

    async def models(self, _: Request) -> Response:
        return JSONResponse({"data": [{"id": "tiny"}]})

    async def chat(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        last = body["messages"][-1]

        async def events() -> AsyncIterator[str]:
            def event(delta: dict[str, Any]) -> str:
                return f"data: {json.dumps({'choices': [{'delta': delta}]})}\n\n"

            try:
                if "count forever" in str(last["content"]):
                    for n in range(10000):
                        yield event({"content": f"Number {n} is here. "})
                        await asyncio.sleep(0.01)
                elif last["role"] == "tool":
                    yield event({"content": f"There are {last['content']}."})
                else:
                    call = {"index": 0, "id": "c1", "function": {"name": "stock"}}
                    yield event({"tool_calls": [call]})
                    for piece in ('{"item"', ': "tea"}'):
                        rest = {"index": 0, "function": {"arguments": piece}}
                        yield event({"tool_calls": [rest]})
                usage = {"prompt_tokens": 9, "completion_tokens": 3}
                yield f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n"
                yield "data: [DONE]\n\n"
            finally:
                self.closed += 1

        return StreamingResponse(events(), media_type="text/event-stream")

    async def transcribe(self, request: Request) -> Response:
        async with request.form() as form:
            file: Any = form["file"]
            self.heard.append(len(await file.read()))
        return JSONResponse({"text": "How much tea is there?"})

    async def speak(self, request: Request) -> Response:
        body = await request.json()
        seconds = len(body["input"]) / 15

        async def sound() -> AsyncIterator[bytes]:
            for start in range(0, int(24000 * seconds), 2400):
                wave = (math.sin((start + n) / 10) * 8000 for n in range(2400))
                # Odd pieces: networks do not cut between samples.
                pcm = struct.pack("<2400h", *map(int, wave))
                yield pcm[:1001]
                yield pcm[1001:]

        return StreamingResponse(sound(), media_type="audio/pcm")

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(5)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def server(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    urls = [f"--{role}={provider.url}" for role in ("llm", "stt", "tts")]
    server = Server(tmp_path_factory.mktemp("remote"), *urls, agent=AGENT)
    yield server
    server.stop()


async def test_speech_tools_and_voice_go_through_real_adapters(
    server: Server, provider: Provider, tmp_path: Path
):
    assert "tiny (real)" in server.log
    async with Caller(server.url) as call:
        call.play(*read_wav(spoken("how much tea is there", tmp_path)))
        done = await call.wait_for("response.done", 1, 30)
        assert done["response"]["output"][0]["content"][0]["transcript"] == "There are 7."
        assert done["response"]["usage"]["input_tokens"] == 18
        heard = call.of("conversation.item.input_audio_transcription.completed")
        assert heard[0]["transcript"] == "How much tea is there?"
        step = call.of("talkover.tool")[-1]
        assert (step["name"], step["output"], step["phase"]) == ("stock", "7", "done")
        assert (await call.wait_for("talkover.heard"))["text"] == "There are 7."
    assert provider.heard and provider.heard[0] > 16000
    roles = [message["role"] for message in provider.asked[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "tool"]


async def test_cancelling_closes_the_upstream_stream(server: Server, provider: Provider):
    closed = provider.closed
    async with Caller(server.url) as call:
        call.type("count forever")
        await call.wait_for("output_audio_buffer.started")
        call.send({"type": "response.cancel"})
        done = await call.wait_for("response.done")
        assert done["response"]["status"] == "cancelled"
        heard = call.of("talkover.heard")
        assert not heard or not heard[0]["exact"]
    for _ in range(100):
        if provider.closed > closed:
            break
        await asyncio.sleep(0.05)
    assert provider.closed > closed


async def test_an_unreachable_model_is_named_and_apologized_for(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = Server(tmp_path, f"--llm=http://127.0.0.1:{port}/v1", "--model=none")
    try:
        assert "cannot be reached" in server.log
        async with Caller(server.url) as call:
            await call.wait_for("error")
            await call.wait_for("output_audio_buffer.stopped")
            call.type("hello")
            await call.until(lambda: len(call.of("response.done")) >= 2, 30)
            failed = [e for e in call.of("response.done") if e["response"]["status"] == "failed"]
            assert failed[0]["response"]["status_details"]["error"]["code"] == "engine_unreachable"
            said = failed[0]["response"]["output"][-1]["content"][0]["transcript"]
            assert "Sorry" in said
            assert len(call.of("output_audio_buffer.started")) >= 2
    finally:
        server.stop()


def test_an_upstream_that_is_ourselves_is_refused(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(AssertionError, match="this very server"):
        Server(tmp_path, f"--port={port}", f"--llm=http://localhost:{port}/v1", "--model=x")
