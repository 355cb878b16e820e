"""The demo's ear: pocketsphinx, for English, in worker processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from ...errors import EngineError
from ..base import EngineInfo, Words
from ..pool import Pool


class PocketsphinxEar:
    """Thread: the loop's. Words come while the caller speaks."""

    def __init__(self) -> None:
        self.info = EngineInfo(
            "pocketsphinx", "stt", demo=True, partials=True, languages=("en",),
            note="understands the demo's phrases, little else; --stt URL for a real one",
        )  # fmt: skip
        self._workers = Pool("talkover.engines.demo.ear_worker")

    async def warm(self) -> None:
        await self._workers.warm()

    async def close(self) -> None:
        await self._workers.close()

    def open(self, language: str, on_words: Callable[[Words], None]) -> EarStream:
        return EarStream(self._workers, on_words)


class EarStream:
    def __init__(self, workers: Pool, on_words: Callable[[Words], None]) -> None:
        self._workers = workers
        self._on_words = on_words
        self._stream = workers.open(self._take)
        self._asked = 0
        self._lost: EngineError | None = None
        """What became of a part of this utterance: the words of the rest would be others."""
        self._waiting: dict[int, asyncio.Future[Words]] = {}
        self._begun = False
        self._mean = b""
        """Of the caller's sound, as the last utterance had it: the next is understood by it."""

    def feed(self, pcm: bytes) -> None:
        if self._lost is not None:
            return
        if not self._begun and self._mean:
            self._workers.send(self._stream, b"C", self._mean)
        self._begun = True
        self._workers.send(self._stream, b"A", pcm)

    async def finish(self) -> Words:
        if self._lost is not None:
            raise self._lost
        self._asked += 1
        asked = self._asked
        future = asyncio.get_running_loop().create_future()
        self._waiting[asked] = future
        try:
            self._workers.send(self._stream, b"F", str(asked).encode())
            return await future
        finally:
            self._waiting.pop(asked, None)

    def reset(self) -> None:
        self._lost, self._begun = None, False
        self._workers.send(self._stream, b"Z", over=True)
        # What was asked and not answered yet is answered no more.
        for future in self._waiting.values():
            if not future.done():
                future.set_result(Words("", final=True))

    def close(self) -> None:
        self.reset()
        self._workers.forget(self._stream)

    def _take(self, kind: bytes, payload: bytes) -> None:
        if kind == b"!":
            self._lost = EngineError(
                "A process of speech recognition ended, or is too far behind; say it again."
            )
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(self._lost)
            return
        said = json.loads(payload)
        if kind == b"P":
            self._on_words(Words(said["text"], final=False, sure=said["sure"]))
            return
        self._mean = said["mean"].encode()
        future = self._waiting.get(said["asked"])
        if future is not None and not future.done():
            whole = said["whole"]
            words = Words(said["text"], final=True, complete=True if whole else None, sure=whole)
            future.set_result(words)
