"""Voices behind `/audio/speech`, streamed as PCM at 24 kHz."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from ..base import EngineInfo, Speech
from .upstream import Upstream

RATE = 24000


class RemoteVoice:
    def __init__(self, upstream: Upstream, model: str, voice: str) -> None:
        self._upstream, self._model, self._voice = upstream, model, voice
        self.info = EngineInfo(
            model, "tts", upstream.host, leaves_machine=not upstream.is_local,
            openai_voices=upstream.host == "api.openai.com",
        )  # fmt: skip

    async def warm(self) -> None:
        await self._upstream.models()

    async def close(self) -> None:
        await self._upstream.close()

    async def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        body = {
            "model": self._model,
            "input": text,
            "voice": voice or self._voice,
            "response_format": "pcm",
            "speed": speed,
        }
        odd = b""
        async with self._upstream.post("/audio/speech", json=body) as response:
            async for chunk in response.aiter_bytes():
                chunk = odd + chunk
                whole = len(chunk) & ~1
                odd = chunk[whole:]
                if whole:
                    yield Speech(chunk[:whole], RATE)
