"""Deepgram's streaming recognition over its WebSocket (`/v1/listen`, API reference)."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from ...errors import ConfigError, EngineError
from ..base import EngineInfo, Provider, Wanted, Words
from .socket import dial, receive

URL = "wss://api.deepgram.com"
MODEL = "nova-3"
SHOWN = "--stt deepgram"
MOST_WAITING = 6000
"""Pieces of 20 ms that wait for the connection: the longest utterance."""
FINAL_S = 2.0
"""It says nothing where nothing was left to be flushed."""


class Deepgram:
    """A connection for each utterance, opened with its first sound."""

    def __init__(self, key: str, model: str, url: str = URL) -> None:
        self._headers, self._model, self._url = {"Authorization": f"Token {key}"}, model, url
        self.info = EngineInfo(model, "stt", "api.deepgram.com", leaves_machine=True, partials=True)

    async def warm(self) -> None:
        socket = await self._dial("en")
        await socket.close()

    async def close(self) -> None:
        pass

    def open(self, language: str, on_words: Callable[[Words], None]) -> DeepgramStream:
        return DeepgramStream(lambda: self._dial(language), on_words)

    async def _dial(self, language: str) -> ClientConnection:
        query = urlencode(
            {
                "model": self._model, "language": language, "encoding": "linear16",
                "sample_rate": 16000, "channels": 1, "interim_results": "true",
                "punctuate": "true", "endpointing": "false",
            }
        )  # fmt: skip
        return await dial(f"{self._url}/v1/listen?{query}", self._headers, SHOWN)


class DeepgramStream:
    """The utterance's words: what is final already, and behind it what may still change."""

    def __init__(self, dial: Callable[[], Any], on_words: Callable[[Words], None]) -> None:
        self._dial, self._on_words = dial, on_words
        self._clear()

    def _clear(self) -> None:
        self._sound: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._error: EngineError | None = None
        self._final: list[str] = []
        self._interim = ""
        self._unasked = self._asked = self._answered = False
        self._flushed = asyncio.Event()

    def feed(self, pcm: bytes) -> None:
        self._sound.append(pcm)
        self._unasked = True
        self._flushed.clear()
        self._more.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="deepgram")

    async def finish(self) -> Words:
        if self._task is not None and not self._flushed.is_set():
            self._asked = True
            self._more.set()
            try:
                async with asyncio.timeout(FINAL_S):
                    await self._flushed.wait()
            except TimeoutError:
                if not self._answered:
                    raise EngineError(
                        f"{SHOWN} gave no words for {FINAL_S:g} s.", code="engine_stalled"
                    ) from None
        if self._error is not None:
            raise self._error
        return Words(self._text, final=True)

    @property
    def _text(self) -> str:
        return " ".join([*self._final, self._interim]).strip()

    def reset(self) -> None:
        self.close()
        self._clear()

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            socket = await self._dial()
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._send(socket))
                    both.create_task(self._receive(socket))
            finally:
                await socket.close()
        except* (EngineError, ConfigError) as group:
            self._fail(EngineError(str(group.exceptions[0])))
        except* ConnectionClosed:
            self._fail(EngineError(f"{SHOWN} closed the connection.", code="engine_gone"))

    def _fail(self, error: EngineError) -> None:
        self._error = error
        self._flushed.set()

    async def _send(self, socket: ClientConnection) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._sound:
                await socket.send(self._sound.popleft())
            if self._asked:
                self._asked = self._unasked = False
                await socket.send(json.dumps({"type": "Finalize"}))

    async def _receive(self, socket: ClientConnection) -> None:
        while (message := await receive(socket, SHOWN)) is not None:
            if message.get("type") == "Results":
                self._take(message)
        raise EngineError(f"{SHOWN} hung up.", code="engine_gone")

    def _take(self, message: dict[str, Any]) -> None:
        self._answered = True
        alternatives: list[dict[str, Any]] = message["channel"]["alternatives"]
        text = str(alternatives[0]["transcript"]).strip() if alternatives else ""
        if message.get("is_final"):
            self._final += [text] if text else []
            self._interim = ""
        else:
            self._interim = text
        if message.get("from_finalize"):
            if not self._unasked:
                self._flushed.set()
        elif text:
            self._on_words(Words(self._text, final=False))


def _stt(wanted: Wanted) -> Deepgram:
    if not wanted.api_key:
        raise ConfigError("--stt deepgram needs its key: set TALKOVER_DEEPGRAM_KEY.")
    return Deepgram(wanted.api_key, wanted.model or MODEL, wanted.url or URL)


PROVIDER = Provider("Deepgram's recognition, streamed", {"stt": _stt})
