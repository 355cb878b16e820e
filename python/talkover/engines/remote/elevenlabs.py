"""ElevenLabs' voices over their WebSocket, with word times (`/stream-input`, API reference)."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote, urlencode

from ...errors import ConfigError, EngineError
from ..base import EngineInfo, Provider, Speech, Wanted
from .socket import dialled, receive, send

URL = "wss://api.elevenlabs.io"
RATE = 24000
VOICE = "21m00Tcm4TlvDq8ikWAM"
MODEL = "eleven_flash_v2_5"
SLOWEST, FASTEST = 0.7, 1.2
"""What the service takes for the speed."""

_WORD = re.compile(r"\S+")


class ElevenLabs:
    """One connection for each piece of text; closing the generator closes it."""

    def __init__(self, key: str, model: str, voice: str, url: str = URL) -> None:
        self._headers, self._model, self._voice, self._url = {"xi-api-key": key}, model, voice, url
        self.info = EngineInfo(model, "tts", "api.elevenlabs.io", leaves_machine=True, marks=True)

    async def warm(self) -> None:
        # Its endpoint takes no connection without a text that costs.
        pass

    async def close(self) -> None:
        pass

    async def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        query = urlencode(
            {"model_id": self._model, "output_format": f"pcm_{RATE}", "sync_alignment": "true"}
        )
        path = f"/v1/text-to-speech/{quote(voice or self._voice)}/stream-input"
        settings = {"speed": min(max(speed, SLOWEST), FASTEST)}
        marks = Marks(text)
        async with dialled(f"{self._url}{path}?{query}", self._headers, SHOWN) as socket:
            await send(socket, SHOWN, {"text": " ", "voice_settings": settings})
            await send(socket, SHOWN, {"text": text.rstrip() + " ", "flush": True})
            await send(socket, SHOWN, {"text": ""})
            while (message := await receive(socket, SHOWN)) is not None:
                if message.get("error"):
                    reason = message.get("message") or message["error"]
                    raise EngineError(f"{SHOWN} failed: {str(reason)[:300]}")
                pcm = base64.b64decode(message.get("audio") or "")
                if pcm:
                    yield Speech(pcm, RATE, marks.of(message.get("alignment"), len(pcm) // 2))
                if message.get("isFinal"):
                    return


SHOWN = "--tts elevenlabs"


class Marks:
    """The service times characters; a word begins where its first character does (pure)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = {match.start() for match in _WORD.finditer(text)}
        self._place = 0

    def of(self, alignment: dict[str, Any] | None, samples: int) -> tuple[tuple[int, int], ...]:
        """The words that begin in a chunk of so many samples: (sample, character)."""
        if not alignment:
            return ()
        marks: list[tuple[int, int]] = []
        chars: list[str] = alignment.get("chars") or []
        times: list[float] = alignment.get("charStartTimesMs") or []
        for char, ms in zip(chars, times, strict=False):
            # What it says for a sign or a space of its own is no character of the text.
            found = self._text.find(char, self._place, self._place + len(char) + 2)
            if found < 0:
                continue
            self._place = found + len(char)
            if found in self._starts:
                marks.append((min(round(ms * RATE / 1000), samples), found))
        return tuple(marks)


def _tts(wanted: Wanted) -> ElevenLabs:
    if not wanted.api_key:
        raise ConfigError("--tts elevenlabs needs its key: set TALKOVER_ELEVENLABS_KEY.")
    return ElevenLabs(
        wanted.api_key, wanted.model or MODEL, wanted.voice or VOICE, wanted.url or URL
    )


PROVIDER = Provider("ElevenLabs' voices, streamed, with word times", {"tts": _tts})
