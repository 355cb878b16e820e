"""Streaming recognition on this machine, by sherpa-onnx: one process decodes all callers' streams
in batches, and words come while they are spoken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from ...errors import EngineError
from ..base import EngineInfo, Words
from ..extra import needed
from ..on_demand import OnDemand
from ..worker import Worker
from .jobs import START_S
from .weights import find

MOST_STREAMS = 64
"""Callers who speak at once; a further one's words are refused."""
BEHIND_BYTES = 10 * 32000
"""Of one utterance, sent and not decoded; one that is further behind is given up."""
STUCK_S = 3.0
"""Without a word from the process, while one is waited for; it is ended then. Shorter than an
engine behind it is waited for."""
BUSY = "sherpa cannot keep up; take fewer calls (--most-calls), or name another engine behind it."


class SherpaEar:
    """Thread: the loop's. `model` is a folder, or a name in the catalogue."""

    def __init__(self, model: str | None = None) -> None:
        self.info = EngineInfo("sherpa", "stt", partials=True)
        self._model = model
        self._worker = OnDemand(self._make)
        self._speaking: set[EarStream] = set()
        self.heard_at = 0.0

    async def warm(self) -> None:
        """Load the model and decode a second of silence. EngineError says what is missing."""
        await self._worker.warm()

    async def close(self) -> None:
        await self._worker.close()

    def open(self, language: str, on_words: Callable[[Words], None]) -> EarStream:
        return EarStream(self, on_words)

    @property
    def worker(self) -> Worker:
        """EngineError before `warm` and after `close`."""
        if self._worker.made is None:
            raise EngineError("sherpa is not ready; see why above.", code="engine_gone")
        return self._worker.made

    def admit(self, stream: EarStream) -> None:
        """Of the utterance that it begins. EngineError (engine_busy)."""
        if stream not in self._speaking:
            if len(self._speaking) >= MOST_STREAMS:
                raise EngineError(BUSY, code="engine_busy")
            self._speaking.add(stream)

    def leave(self, stream: EarStream) -> None:
        self._speaking.discard(stream)

    def look(self, since: float) -> None:
        """Something is waited for since then: end the process where it said nothing at all."""
        if self.heard_at < since and self._worker.made is not None:
            self._worker.made.kill()

    def _make(self) -> Worker:
        needed("--stt sherpa", "sherpa", "sherpa_onnx", "numpy")
        path = find("sherpa", self._model)
        return Worker("talkover.engines.local.sherpa_worker", str(path), start_s=START_S)


class EarStream:
    """One caller's ear. What goes wrong with an utterance is told when its words are asked for."""

    def __init__(self, ear: SherpaEar, on_words: Callable[[Words], None]) -> None:
        self._ear, self._on_words = ear, on_words
        self._stream: int | None = None
        self._sent = self._decoded = self._asked = 0
        self._error: EngineError | None = None
        self._waiting: dict[int, asyncio.Future[Words]] = {}
        self._late: asyncio.TimerHandle | None = None

    def feed(self, pcm: bytes) -> None:
        if self._error is not None:
            return
        try:
            worker = self._ear.worker
            self._ear.admit(self)
            if self._sent - self._decoded > BEHIND_BYTES:
                raise EngineError(BUSY, code="engine_busy")
        except EngineError as error:
            self._fail(error)
            return
        if self._stream is None:
            self._stream = worker.open(self._take)
        self._sent += len(pcm)
        worker.send(self._stream, b"A", pcm)

    async def finish(self) -> Words:
        if self._error is not None:
            raise self._error
        if self._stream is None:
            return Words("", final=True)
        self._asked += 1
        asked = self._asked
        loop = asyncio.get_running_loop()
        answer = self._waiting[asked] = loop.create_future()
        self._patient()
        self._late = loop.call_later(STUCK_S, self._ear.look, loop.time())
        try:
            self._ear.worker.send(self._stream, b"F", str(asked).encode())
            return await answer
        finally:
            self._waiting.pop(asked, None)

    def _patient(self) -> None:
        if self._late is not None:
            self._late.cancel()

    def reset(self) -> None:
        self._patient()
        if self._stream is not None:
            # After `close` of the engine nothing is sent; its streams are still being let go then.
            try:
                worker = self._ear.worker
            except EngineError:
                pass
            else:
                worker.forget(self._stream)
                worker.send(self._stream, b"Z")
        self._stream = None
        self._sent = self._decoded = 0
        self._error = None
        self._ear.leave(self)

    def close(self) -> None:
        self.reset()

    def _fail(self, error: EngineError) -> None:
        self.reset()
        self._error = error
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(error)

    def _take(self, kind: bytes, payload: bytes) -> None:
        if kind == b"!":
            self._fail(EngineError("sherpa's process ended; it is started again."))
            return
        self._ear.heard_at = asyncio.get_running_loop().time()
        if kind == b"D":
            self._decoded = int(payload)
            return
        said = json.loads(payload)
        if kind == b"P":
            self._on_words(Words(said["text"], final=False))
            return
        answer = self._waiting.get(said["asked"])
        if answer is not None and not answer.done():
            answer.set_result(Words(said["text"], final=True))
