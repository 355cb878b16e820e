"""Streaming recognition, against a server that speaks the documented wire format."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve

from talkover.engines.base import Words
from talkover.engines.registry import Choice, build
from talkover.engines.remote.deepgram import Deepgram
from talkover.errors import ConfigError, EngineError
from talkover.testing import conformance


def results(text: str, **more: Any) -> str:
    channel = {"alternatives": [{"transcript": text, "confidence": 0.9, "words": []}]}
    return json.dumps({"type": "Results", "channel": channel, "is_final": False, **more})


class Service:
    """Understands "what time is it", a word for each 3200 bytes. `mute`: says nothing."""

    def __init__(self, mute: bool = False) -> None:
        self.mute, self.paths, self.keys = mute, list[str](), list[str]()

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        self.keys.append(socket.request.headers["Authorization"])
        heard = told = 0
        words = "what time is it".split()
        async for data in socket:
            if self.mute:
                continue
            if isinstance(data, bytes):
                heard += len(data)
                said = min(len(words), heard // 3200)
                if said > told:
                    await socket.send(results(" ".join(words[told:said])))
            elif json.loads(data)["type"] == "Finalize":
                said = len(words) if heard else 0
                text = " ".join(words[told:said])
                told = said
                await socket.send(results(text, is_final=True, from_finalize=True))


@asynccontextmanager
async def service(**options: Any) -> AsyncIterator[tuple[Service, Deepgram]]:
    made = Service(**options)
    async with serve(made.handle, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made, Deepgram("dg-key", "nova-3", url)


async def test_it_conforms():
    async with service() as (_, engine):
        await conformance.check_stt(engine, bytes(16000), "what time is it")


async def test_words_come_while_they_are_spoken():
    async with service() as (made, engine):
        partial: asyncio.Queue[Words] = asyncio.Queue()
        stream = engine.open("en", partial.put_nowait)
        stream.feed(bytes(6400))
        async with asyncio.timeout(10):
            assert (await partial.get()).text == "what time"
        assert (await stream.finish()).text == "what time is it"
        stream.close()
    query = parse_qs(urlsplit(made.paths[-1]).query)
    assert made.keys[-1] == "Token dg-key"
    assert query["encoding"] == ["linear16"] and query["sample_rate"] == ["16000"]
    assert query["interim_results"] == ["true"]


async def test_a_service_that_says_nothing_has_stalled():
    async with service(mute=True) as (_, engine):
        stream = engine.open("en", lambda _: None)
        stream.feed(bytes(6400))
        with pytest.raises(EngineError) as raised:
            await stream.finish()
        assert raised.value.code == "engine_stalled"
        stream.close()


async def test_a_service_that_is_not_there_says_so():
    await conformance.check_failure(Deepgram("k", "nova-3", "ws://127.0.0.1:9"))


def test_its_key_comes_from_its_own_setting_only():
    with pytest.raises(ConfigError, match="TALKOVER_DEEPGRAM_KEY"):
        build(Choice(stt="deepgram", api_key="sk-general"))
    infos = build(Choice(stt="deepgram", keys=(("deepgram", "k"),))).infos
    assert infos[0].leaves_machine and infos[0].partials
