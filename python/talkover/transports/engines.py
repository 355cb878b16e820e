"""The engines of every server here: they know their lines and take the time that they are told.

How long is drawn with a seed, by which turn or sentence it is, so that a reply that is prepared and
not used changes nothing for the next.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from typing import Any

from ..engines.base import EngineInfo, Role, Speech, TextDelta, ToolCall, Usage, Words
from ..media.loudness import loudness
from .latencies import Latency
from .ledger import Ledger
from .tones import ANSWER, RATE, WORD_S, tone

QUESTION = "Could you tell me what the weather will be?"
LONG = (
    "Please book a table for four people on Friday evening at half past seven and tell them that "
    "one of us is allergic to nuts and that we would love to sit at the window"
)
"""Without a comma: nobody pauses in it."""
EAR_RATE = 16000
LOUD = 0.02
"""RMS of 20 ms, of full scale: somebody speaks."""
ENOUGH = 0.8
"""Of a question's loud sound, with which all of its words are understood: codecs blur ends."""
MORE = 1.2
"""Of a question's loud sound, from which on it must be a longer one."""


class _Engine:
    def __init__(self, role: Role, ledger: Ledger, latency: Latency, seed: int) -> None:
        self.info = EngineInfo(f"scripted {role}", role, demo=True, partials=True, marks=True)
        self._ledger, self._latency = ledger, latency
        self._key = f"{seed}/{role}"

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Ear(_Engine):
    """Understands `QUESTION` and `LONG`, a word after the other; `loud_s` is how many seconds of
    each are loud. Notes when each piece of sound came."""

    def __init__(
        self, ledger: Ledger, latency: Latency, seed: int, loud_s: tuple[float, float]
    ) -> None:
        super().__init__("stt", ledger, latency, seed)
        self._loud_s = loud_s
        self._finished = 0

    def open(self, language: str, on_words: Callable[[Words], None]) -> EarStream:
        return EarStream(self._ledger, self._wait, self._loud_s, on_words)

    async def _wait(self) -> None:
        self._finished += 1
        await asyncio.sleep(self._latency.ear.drawn(f"{self._key}/{self._finished}"))


class EarStream:
    def __init__(
        self,
        ledger: Ledger,
        wait: Callable[[], Awaitable[None]],
        whole_s: tuple[float, float],
        on_words: Callable[[Words], None],
    ) -> None:
        self._ledger, self._wait, self._on_words = ledger, wait, on_words
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
        await self._wait()
        return replace(words, final=True)

    def reset(self) -> None:
        self._came: list[tuple[float, int]] = []
        self._samples = self._last_loud = 0
        self._loud_s = 0.0

    def close(self) -> None:
        pass

    def _words(self) -> Words:
        short, long = self._whole_s
        text, whole = (QUESTION, short) if self._loud_s < MORE * short else (LONG, long)
        words = text.split()
        known = min(len(words), int(len(words) * self._loud_s / (ENOUGH * whole)))
        return Words(" ".join(words[:known]), final=False, complete=known == len(words))


def louds(pcm: bytes) -> list[tuple[bool, int]]:
    """Of each 20 ms of 16 kHz sound: is it loud, and how many samples it has."""
    step, samples = EAR_RATE // 50, len(pcm) // 2
    return [
        (math.sqrt(energy) / 32768 >= LOUD, min(step, samples - n * step))
        for n, energy in enumerate(loudness(pcm, step))
    ]


def loud_seconds(pcm: bytes) -> float:
    """How much of a 16 kHz sound is loud."""
    return sum(count for loud, count in louds(pcm) if loud) / EAR_RATE


class Model(_Engine):
    """Says `ANSWER`, and notes what it is told that it said before."""

    def __init__(self, ledger: Ledger, latency: Latency, seed: int) -> None:
        super().__init__("llm", ledger, latency, seed)

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
        turn = sum(one["role"] == "user" for one in messages)
        await asyncio.sleep(self._latency.model.drawn(f"{self._key}/{turn}"))
        for word in re.findall(r"\S+\s*", ANSWER):
            yield TextDelta(word)
            await asyncio.sleep(self._latency.word.p50)


class Voice(_Engine):
    """Speaks in tones, and notes each word that it made."""

    def __init__(self, ledger: Ledger, latency: Latency, seed: int) -> None:
        super().__init__("tts", ledger, latency, seed)
        self._spoken: Counter[str] = Counter()

    async def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        begins = text[:3]
        self._spoken[begins] += 1
        key = f"{self._key}/{begins}/{self._spoken[begins]}"
        await asyncio.sleep(self._latency.voice.drawn(key))
        for match in re.finditer(r"w(\d+)", text):
            await asyncio.sleep(self._latency.second.p50 * WORD_S)
            self._ledger.note("spoke", word=int(match[1]))
            yield Speech(tone(int(match[1])), RATE, ((0, match.start()),))
