"""Whisper on this machine, an utterance at a time: one process transcribes those of all callers
that wait, together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from ...errors import EngineError
from ..base import EngineInfo, Words
from ..extra import needed
from ..on_demand import OnDemand
from .jobs import Jobs
from .weights import find

TOGETHER = 8
"""Utterances in the process at a time."""
MOST_S = 30.0
"""For one of them, those beside it included."""


class WhisperEar:
    """Thread: the loop's. `model` is a folder in CTranslate2's format, or in the catalogue."""

    def __init__(self, model: str | None = None) -> None:
        self.info = EngineInfo("whisper", "stt")
        self._model = model
        self._jobs = OnDemand(self._make)

    async def warm(self) -> None:
        """Load the model and transcribe silence. EngineError says what is missing."""
        await self._jobs.warm()

    async def close(self) -> None:
        await self._jobs.close()

    def open(self, language: str, on_words: Callable[[Words], None]) -> WhisperStream:
        return WhisperStream(self, language)

    async def words(self, sound: bytes, language: str) -> Words:
        """EngineError. Cancelled, it is not transcribed, unless that has begun."""
        jobs = self._jobs.made
        if jobs is None:
            raise EngineError("whisper is not ready; see why above.", code="engine_gone")
        head = json.dumps({"language": language}).encode()
        job = jobs.put(head + b"\n" + sound, asyncio.get_running_loop().time())
        try:
            said = json.loads(await job.answer)
        finally:
            jobs.drop(job)
        return Words(said["text"], final=True, sure=said["sure"])

    def _make(self) -> Jobs:
        needed("--stt whisper", "whisper", "ctranslate2", "numpy")
        return Jobs(
            "whisper", "talkover.engines.local.whisper_worker",
            str(find("whisper", self._model)), most_s=MOST_S, beside=TOGETHER,
        )  # fmt: skip


class WhisperStream:
    """One caller's ear."""

    def __init__(self, ear: WhisperEar, language: str) -> None:
        self._ear, self._language = ear, language
        self._sound = bytearray()

    def feed(self, pcm: bytes) -> None:
        self._sound += pcm

    async def finish(self) -> Words:
        if not self._sound:
            return Words("", final=True)
        return await self._ear.words(bytes(self._sound), self._language)

    def reset(self) -> None:
        self._sound.clear()

    def close(self) -> None:
        self.reset()
