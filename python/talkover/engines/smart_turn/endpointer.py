"""How likely a turn is over, by its sound: the model in a process, and questions that expire."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from dataclasses import dataclass

from ..base import EngineInfo
from ..extra import needed
from ..on_demand import OnDemand
from ..worker import Worker
from .weights import find

DEADLINE_S = 0.15
MOST_WAITING = 4
"""Questions behind the one running that can be answered in time where each takes 30 ms."""
WINDOW_BYTES = 8 * 16000 * 2


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    pcm: bytes
    answer: asyncio.Future[float | None]


class SmartTurn:
    """One process for all calls; it is given one question at a time. Thread: the loop's.

    `path` is the model's file; without it an installed pipecat-ai is looked for.
    """

    def __init__(self, path: str | None = None) -> None:
        self.info = EngineInfo("smart-turn", "turn", note="hears whether a turn sounds finished")
        self._path = path
        self._worker = OnDemand(self._make)
        self._waiting: deque[Question] = deque()
        self._running: Question | None = None

    async def warm(self) -> None:
        """Load the model, about half a second. EngineError says what is missing."""
        await self._worker.warm()

    async def close(self) -> None:
        self._running = None
        await self._worker.close()

    async def likely_end(self, pcm: bytes) -> float | None:
        """0 to 1; None where no answer can be had within 150 ms. Never waits longer.

        `pcm` is 16 kHz mono s16le of the turn so far, of which the last 8 s count, with 100 to
        200 ms of silence at its end: after 500 ms the model takes three in four cut-off sentences
        for finished ones.
        Cancel it when the caller goes on: a question that has not begun is then not computed.
        """
        if self._worker.made is None or len(self._waiting) >= MOST_WAITING:
            return None
        answer: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        question = Question(pcm[-WINDOW_BYTES:], answer)
        self._waiting.append(question)
        self._ask()
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await answer
        except TimeoutError:
            return None
        finally:
            if question in self._waiting:
                self._waiting.remove(question)

    def _ask(self) -> None:
        """Give the worker the next question. One that is late still occupies the worker."""
        worker = self._worker.made
        if worker is None or self._running is not None or not self._waiting:
            return
        question = self._running = self._waiting.popleft()

        def answered(kind: bytes, payload: bytes) -> None:
            worker.forget(stream)
            if self._running is question:
                self._running = None
            if not question.answer.done():
                likely = None if kind == b"!" else struct.unpack("<f", payload)[0]
                question.answer.set_result(likely)
            self._ask()

        stream = worker.open(answered)
        worker.send(stream, b"A", question.pcm)

    def _make(self) -> Worker:
        needed("The end-of-turn model", "smart-turn", "numpy", "onnxruntime")
        return Worker("talkover.engines.smart_turn.model_worker", str(find(self._path)))
