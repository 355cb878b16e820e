"""The demo's ear: pocketsphinx, for English, in a worker process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from ...errors import EngineError
from ..base import EngineInfo, Words
from ..worker import Worker


class PocketsphinxEar:
    """Thread: the loop's. Words come while the caller speaks."""

    def __init__(self) -> None:
        self.info = EngineInfo(
            "pocketsphinx", "stt", demo=True, partials=True, languages=("en",),
            note="understands the demo's phrases, little else; --stt URL for a real one",
        )  # fmt: skip
        self._worker = Worker("talkover.engines.demo.ear_worker")

    async def warm(self) -> None:
        await self._worker.warm()

    async def close(self) -> None:
        await self._worker.close()

    def open(self, language: str, on_words: Callable[[Words], None]) -> EarStream:
        return EarStream(self._worker, on_words)


class EarStream:
    def __init__(self, worker: Worker, on_words: Callable[[Words], None]) -> None:
        self._worker = worker
        self._on_words = on_words
        self._stream = worker.open(self._take)
        self._asked = 0
        self._waiting: dict[int, asyncio.Future[Words]] = {}

    def feed(self, pcm: bytes) -> None:
        self._worker.send(self._stream, b"A", pcm)

    async def finish(self) -> Words:
        self._asked += 1
        asked = self._asked
        future = asyncio.get_running_loop().create_future()
        self._waiting[asked] = future
        try:
            self._worker.send(self._stream, b"F", str(asked).encode())
            return await future
        finally:
            self._waiting.pop(asked, None)

    def reset(self) -> None:
        self._worker.send(self._stream, b"Z")

    def close(self) -> None:
        self.reset()
        self._worker.forget(self._stream)

    def _take(self, kind: bytes, payload: bytes) -> None:
        if kind == b"!":
            error = EngineError("Speech recognition's process ended; it is being started again.")
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(error)
            return
        said = json.loads(payload)
        if kind == b"P":
            self._on_words(Words(said["text"], final=False, sure=said["sure"]))
            return
        future = self._waiting.get(said["asked"])
        if future is not None and not future.done():
            complete = said["complete"]
            sure = complete is True
            future.set_result(Words(said["text"], final=True, complete=complete, sure=sure))
