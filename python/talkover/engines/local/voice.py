"""A voice on this machine: clause after clause from a worker process that all sessions share."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncGenerator

from ..base import EngineInfo, Speech
from ..extra import needed
from ..on_demand import OnDemand
from .clauses import clauses
from .jobs import Job, Jobs
from .weights import find

HEAD = struct.Struct("<I")
"""Before the sound: its rate in Hz."""
MOST_S = 10.0
"""For one clause."""
PIECE_S = 0.4
SLOWEST, FASTEST = 0.5, 2.0


class LocalVoice:
    """Thread: the loop's. One clause of a text is made ahead of the one that is fetched.

    Closing a stream drops what waits and stops what is being made, at the next of the model's
    operations. `model` is a path or a name in the catalogue; `voice` is for who asks for none.
    """

    def __init__(self, engine: str, model: str | None, voice: str | None) -> None:
        self.info = EngineInfo(engine, "tts")
        self._engine, self._model, self._voice = engine, model, voice
        self._jobs = OnDemand(self._make)

    async def warm(self) -> None:
        """Load the model and speak a word unheard. EngineError says what is missing."""
        await self._jobs.warm()

    async def close(self) -> None:
        await self._jobs.close()

    def _make(self) -> Jobs:
        needed(f"--tts {self._engine}", self._engine, "onnxruntime", "numpy", "espeakng_loader")
        path = find(self._engine, self._model)
        return Jobs(
            self._engine, "talkover.engines.local.voice_worker", self._engine, str(path),
            most_s=MOST_S,
        )  # fmt: skip

    async def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        jobs = self._jobs.made or await self._jobs.warm()
        wanted = voice if voice not in (None, "default") else self._voice
        how = {"voice": wanted, "speed": min(max(speed, SLOWEST), FASTEST)}
        payloads = [json.dumps({"text": one, **how}).encode() for one in clauses(text)]
        now = asyncio.get_running_loop().time
        # When the caller's playout runs dry, as far as this text is concerned.
        dry = now()
        job: Job | None = None
        try:
            for place, payload in enumerate(payloads):
                job = job or jobs.put(payload, dry)
                rate, pcm = _parsed(await job.answer)
                dry = max(dry, now()) + len(pcm) / 2 / rate
                job = jobs.put(payloads[place + 1], dry) if place + 1 < len(payloads) else None
                step = int(PIECE_S * rate) * 2
                for at in range(0, len(pcm), step):
                    yield Speech(pcm[at : at + step], rate)
        finally:
            if job is not None:
                jobs.drop(job)


def _parsed(answer: bytes) -> tuple[int, bytes]:
    (rate,) = HEAD.unpack_from(answer)
    return rate, answer[HEAD.size :]
