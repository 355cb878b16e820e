"""The engines of every server here: they know their lines and take the time that they are told."""

from __future__ import annotations

import asyncio
import math
import re
import time
from array import array
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from operator import mul
from typing import Any

from ..engines.base import EngineInfo, Role, Speech, TextDelta, ToolCall, Usage, Words
from .ledger import Ledger
from .networks import Latency
from .tones import ANSWER, RATE, WORD_S, tone

QUESTION = "Could you tell me what the weather will be?"
EAR_RATE = 16000
LOUD = 0.02
"""RMS of 20 ms, of full scale: somebody speaks."""
ENOUGH = 0.8
"""Of a question's loud sound, with which all of its words are understood: codecs blur ends."""


class _Engine:
    def __init__(self, role: Role, ledger: Ledger, latency: Latency) -> None:
        self.info = EngineInfo(f"scripted {role}", role, demo=True, partials=True, marks=True)
        self._ledger, self._latency = ledger, latency

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Ear(_Engine):
    """Understands `QUESTION`, a word after the other, in `loud_s` seconds of loud sound; notes when
    each piece of it came."""

    def __init__(self, ledger: Ledger, latency: Latency, loud_s: float) -> None:
        super().__init__("stt", ledger, latency)
        self._loud_s = loud_s

    def open(self, language: str, on_words: Callable[[Words], None]) -> EarStream:
        return EarStream(self._ledger, self._latency, self._loud_s, on_words)


class EarStream:
    def __init__(
        self,
        ledger: Ledger,
        latency: Latency,
        whole_s: float,
        on_words: Callable[[Words], None],
    ) -> None:
        self._ledger, self._latency, self._on_words = ledger, latency, on_words
        self._whole_s = whole_s
        self.reset()

    def feed(self, pcm: bytes) -> None:
        before, now = self._words(), time.monotonic()
        for loud, count in louds(pcm):
            self._samples += count
            if loud:
                self._loud_s += count / EAR_RATE
                self._last_loud = self._samples
            self._came.append((now, self._samples))
        words = self._words()
        if words.text != before.text:
            self._on_words(words)

    async def finish(self) -> Words:
        self._ledger.note("heard", came=self._came, last_loud=self._last_loud)
        words = self._words()
        await asyncio.sleep(self._latency.ear)
        return replace(words, final=True)

    def reset(self) -> None:
        self._came: list[tuple[float, int]] = []
        self._samples = self._last_loud = 0
        self._loud_s = 0.0

    def close(self) -> None:
        pass

    def _words(self) -> Words:
        words = QUESTION.split()
        known = min(len(words), int(len(words) * self._loud_s / (ENOUGH * self._whole_s)))
        return Words(" ".join(words[:known]), final=False, complete=known == len(words))


def louds(pcm: bytes) -> list[tuple[bool, int]]:
    """Of each 20 ms of 16 kHz sound: is it loud, and how many samples it has."""
    samples = array("h", pcm)
    parts = [samples[n : n + EAR_RATE // 50] for n in range(0, len(samples), EAR_RATE // 50)]
    return [
        (math.sqrt(sum(map(mul, part, part)) / len(part)) / 32768 >= LOUD, len(part))
        for part in parts
    ]


def loud_seconds(pcm: bytes) -> float:
    """How much of a 16 kHz sound is loud."""
    return sum(count for loud, count in louds(pcm) if loud) / EAR_RATE


class Model(_Engine):
    """Says `ANSWER`, and notes what it is told that it said before."""

    def __init__(self, ledger: Ledger, latency: Latency) -> None:
        super().__init__("llm", ledger, latency)

    def while_speaking(self, words: str) -> str | None:
        return None

    async def reply(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]],
        *,
        tool_choice: Any = "auto",
        max_tokens: int | None = None,
    ) -> AsyncGenerator[TextDelta | ToolCall | Usage]:
        said = [str(one["content"]) for one in messages if one["role"] == "assistant"]
        self._ledger.note("asked", words=[len(re.findall(r"w\d+", text)) for text in said])
        await asyncio.sleep(self._latency.model)
        for word in re.findall(r"\S+\s*", ANSWER):
            yield TextDelta(word)
            await asyncio.sleep(self._latency.word)


class Voice(_Engine):
    """Speaks in tones, and notes each word that it made."""

    def __init__(self, ledger: Ledger, latency: Latency) -> None:
        super().__init__("tts", ledger, latency)

    async def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        await asyncio.sleep(self._latency.voice)
        for match in re.finditer(r"w(\d+)", text):
            await asyncio.sleep(self._latency.per_second * WORD_S)
            self._ledger.note("spoke", word=int(match[1]))
            yield Speech(tone(int(match[1])), RATE, ((0, match.start()),))
