"""Speech recognition behind `/audio/transcriptions`: each utterance as one WAV file."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable

from ...errors import EngineError
from ..base import EngineInfo, Words
from .upstream import Upstream

RATE = 16000


class Transcription:
    def __init__(self, upstream: Upstream, model: str) -> None:
        self._upstream = upstream
        self._model = model
        self.info = EngineInfo(model, "stt", upstream.host, leaves_machine=not upstream.is_local)

    async def warm(self) -> None:
        await self._upstream.models()

    async def close(self) -> None:
        await self._upstream.close()

    def open(self, language: str, on_words: Callable[[Words], None]) -> TranscriptionStream:
        return TranscriptionStream(self._upstream, self._model, language)


class TranscriptionStream:
    """Keeps the utterance; asks when it ends, and again only if it went on."""

    def __init__(self, upstream: Upstream, model: str, language: str) -> None:
        self._upstream, self._model, self._language = upstream, model, language
        self._sound = bytearray()
        self._known: tuple[int, Words] | None = None

    def feed(self, pcm: bytes) -> None:
        self._sound += pcm

    async def finish(self) -> Words:
        size = len(self._sound)
        if self._known is not None and self._known[0] == size:
            return self._known[1]
        form = {"model": self._model, "language": self._language, "response_format": "json"}
        files = {"file": ("speech.wav", _wav(bytes(self._sound)), "audio/wav")}
        async with self._upstream.post("/audio/transcriptions", data=form, files=files) as response:
            await response.aread()
            try:
                text = str(response.json()["text"]).strip()
            except (ValueError, KeyError, TypeError):
                raise EngineError(
                    f"--stt {self._upstream.url} answered without a text; is it a "
                    "transcription server?"
                ) from None
        words = Words(text, final=True)
        self._known = (size, words)
        return words

    def reset(self) -> None:
        self._sound = bytearray()
        self._known = None

    def close(self) -> None:
        self.reset()


def _wav(pcm: bytes) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm)
    return out.getvalue()
