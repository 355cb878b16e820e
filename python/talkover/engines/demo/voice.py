"""The demo's voice: espeak-ng, with exact word marks, in worker processes."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncGenerator

from ...errors import EngineError
from ..base import EngineInfo, Speech
from ..pool import Pool

RATE = 22050
WORDS_PER_MINUTE = 165
SILENCE_S = 10.0
"""Without a sound from the worker for so long, it is stuck."""

VARIANTS = {
    "alloy": "en-us+f2", "ash": "en-us+m3", "ballad": "en+m2", "coral": "en-us+f4",
    "echo": "en-us+m1", "fable": "en+f2", "onyx": "en-us+m7", "nova": "en-us+f5",
    "sage": "en-us+f1", "shimmer": "en+f3", "verse": "en-us+m4", "marin": "en-us+f3",
    "cedar": "en-us+m2",
}  # fmt: skip
"""By the names of OpenAI's voices. British English is called `en` there; what espeak does not know
it speaks as plain American."""


class EspeakVoice:
    """Thread: the loop's. First sound within a few ms. `voice` is for who asks for none."""

    def __init__(self, voice: str | None = None) -> None:
        self._voice = voice
        self.info = EngineInfo(
            "espeak-ng",
            "tts",
            demo=True,
            marks=True,
            openai_voices=True,
            note="a robot's voice; --tts URL for a real one",
        )
        self._workers = Pool("talkover.engines.demo.voice_worker")

    async def warm(self) -> None:
        await self._workers.warm()

    async def close(self) -> None:
        await self._workers.close()

    async def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        chunks: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()
        stream = self._workers.open(lambda kind, payload: chunks.put_nowait((kind, payload)))
        job = {
            "text": text,
            "voice": _voice(voice or self._voice, language),
            "words_per_minute": round(WORDS_PER_MINUTE * min(max(speed, 0.5), 2.5)),
        }
        over = False
        try:
            if not self._workers.running:
                await self._workers.warm()
            self._workers.send(stream, b"T", json.dumps(job).encode())
            at, marks = 0, list[tuple[int, int]]()
            while True:
                kind, payload = await asyncio.wait_for(chunks.get(), SILENCE_S)
                if kind != b"S":
                    over = True
                    if kind == b"!":
                        raise EngineError("espeak-ng's process ended; it is being started again.")
                    return
                pcm, new = _parsed(payload)
                marks += new
                due = [mark for mark in marks if mark[0] < at + len(pcm) // 2]
                marks = marks[len(due) :]
                yield Speech(pcm, RATE, tuple((max(0, s - at), offset) for s, offset in due))
                at += len(pcm) // 2
        except TimeoutError:
            raise EngineError("espeak-ng fell silent within a sentence.") from None
        finally:
            if not over:
                self._workers.send(stream, b"X", over=True)
            self._workers.forget(stream)


def _parsed(payload: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    (count,) = struct.unpack_from("<H", payload)
    flat = struct.unpack_from(f"<{2 * count}i", payload, 2)
    return payload[2 + 8 * count :], list(zip(flat[::2], flat[1::2], strict=True))


def _voice(name: str | None, language: str) -> str:
    if name is None or name == "default":
        return "en-us" if language == "en" else language
    return VARIANTS.get(name, name)
