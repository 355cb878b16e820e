"""A streaming voice with word times, against a server that speaks the documented wire format."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve

from talkover.engines.base import Speech
from talkover.engines.registry import Choice, build
from talkover.engines.remote.elevenlabs import ElevenLabs, Marks
from talkover.errors import ConfigError, EngineError
from talkover.testing import conformance

CHAR_MS = 50
PER_CHUNK = 8


class Service:
    """Speaks 50 ms for each character, eight in a chunk. `error`: what it says instead."""

    def __init__(self, error: str = "", silent: bool = False) -> None:
        self.error, self.silent = error, silent
        self.paths, self.sent = list[str](), list[dict[str, Any]]()
        self.key = ""

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        self.key = socket.request.headers["xi-api-key"]
        text = ""
        async for data in socket:
            message = json.loads(data)
            self.sent.append(message)
            if message["text"]:
                text += message["text"]
                continue
            if self.error:
                await socket.send(json.dumps({"error": "quota", "message": self.error}))
            elif not self.silent:
                await self._speak(socket, text.strip())

    async def _speak(self, socket: ServerConnection, text: str) -> None:
        for begin in range(0, len(text), PER_CHUNK):
            chars = text[begin : begin + PER_CHUNK]
            times = [n * CHAR_MS for n in range(len(chars))]
            alignment = {"chars": list(chars), "charStartTimesMs": times,
                         "charDurationsMs": [CHAR_MS] * len(chars)}  # fmt: skip
            audio = base64.b64encode(b"\x10\x00" * (len(chars) * CHAR_MS * 24)).decode()
            await socket.send(json.dumps({"audio": audio, "alignment": alignment}))
        await socket.send(json.dumps({"isFinal": True}))


@asynccontextmanager
async def service(**options: Any) -> AsyncIterator[tuple[Service, ElevenLabs]]:
    made = Service(**options)
    async with serve(made.handle, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made, ElevenLabs("xi-key", "eleven_flash_v2_5", "rachel", url)


async def said(engine: ElevenLabs, text: str, voice: str | None = None) -> list[Speech]:
    return [piece async for piece in engine.speak(text, voice=voice, language="en")]


async def test_it_conforms():
    async with service() as (_, engine):
        await conformance.check_tts(engine)


async def test_every_word_is_marked_where_its_first_character_sounds():
    text = "Well, hello there my friend."
    async with service() as (made, engine):
        pieces = await said(engine, text, "adam")
    marks: list[tuple[float, int]] = []
    begun = 0
    for piece in pieces:
        marks += [((begun + at) / 24, offset) for at, offset in piece.words]
        begun += len(piece.pcm) // 2
    words = [n for n in range(len(text)) if n == 0 or text[n - 1] == " "]
    assert marks == [(n * CHAR_MS, n) for n in words]
    assert made.key == "xi-key" and "/v1/text-to-speech/adam/stream-input?" in made.paths[-1]
    assert parse_qs(urlsplit(made.paths[-1]).query)["output_format"] == ["pcm_24000"]
    assert [message["text"] for message in made.sent] == [" ", text + " ", ""]


async def test_what_the_service_refuses_is_told():
    async with service(error="no credit is left") as (_, engine):
        with pytest.raises(EngineError, match="no credit is left"):
            await said(engine, "Hello.")


async def test_a_service_that_is_not_there_says_so():
    await conformance.check_failure(ElevenLabs("k", "m", "v", "ws://127.0.0.1:9"))


async def test_a_voice_that_waits_is_cancelled_within_30_ms_of_its_goodbye():
    async with service(silent=True) as (_, engine):
        took: list[float] = []
        for _ in range(5):
            task = asyncio.create_task(said(engine, "Hello."))
            await asyncio.sleep(0.1)
            begun = time.perf_counter()
            task.cancel()
            await asyncio.wait([task])
            took.append(time.perf_counter() - begun)
        assert min(took) < 0.03


def test_characters_that_the_text_does_not_have_mark_nothing():
    marks = Marks("Dr. Who")
    alignment = {"chars": list("Doctor Who"), "charStartTimesMs": [n * 10 for n in range(10)]}
    found = [offset for _, offset in marks.of(alignment, 24000)]
    assert found[0] == 0 and set(found) <= {0, 4}
    assert marks.of(None, 100) == ()


def test_its_key_comes_from_its_own_setting_only():
    with pytest.raises(ConfigError, match="TALKOVER_ELEVENLABS_KEY"):
        build(Choice(tts="elevenlabs", api_key="sk-general"))
    infos = build(Choice(tts="elevenlabs", keys=(("elevenlabs", "k"),))).infos
    assert infos[2].leaves_machine and infos[2].marks
