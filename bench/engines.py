"""Engines that cost and take nothing, so that what is measured is everything else.

An agent of the benchmarks names them as `bench:NAME`; `build` puts them in the place of real ones.
"""

from __future__ import annotations

import asyncio
import math
import re
from array import array
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from functools import cache
from typing import Any

from talkover.engines import registry
from talkover.engines.base import (
    EngineInfo,
    Role,
    Speech,
    Stt,
    TextDelta,
    ToolCall,
    Usage,
    Words,
)  # fmt: skip
from talkover.engines.registry import Choice, Engines

WORDS: dict[str, Words] = {
    "complete": Words("what time is it", True, True),
    "neutral": Words("the one with the red door", True),
    "incomplete": Words("i would like to", True),
    "none": Words("", True),
    "mm-hm": Words("mm-hm", True),
    "content": Words("tell me something else", True),
    "stop": Words("stop", True, True),
}
"""What an oracle says that it heard, by its name."""

RATE = 24000
WORD_MS = 300
TONES = 16
LEVEL = 8000
"""Of a tone, samples from peak to zero."""
ANSWER = " ".join(f"w{n}" + "." * (n % 10 == 9) for n in range(300))
"""A minute and a half."""
TOLD = (
    "Once there was a lighthouse keeper who talked to ships every evening. She lit the lamp and "
    "opened the window and told the boats what she had seen that day and the boats could not "
    "answer her because their horns only knew one note and so she always had the last word. "
) * 3


def tone(word: int) -> float:
    """Frequency of a word of `ANSWER`, Hz: each word is told from its neighbours by ear."""
    return 500.0 + 150.0 * (word % TONES)


class _Engine:
    def __init__(self, role: Role, name: str) -> None:
        self.info = EngineInfo(f"bench:{name}", role, demo=True)

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Oracle(_Engine):
    """Knows the words beforehand and gives them the moment it is asked."""

    def __init__(self, name: str) -> None:
        super().__init__("stt", name)
        self._words = WORDS[name]

    def open(self, language: str, on_words: Callable[[Words], None]) -> OracleStream:
        return OracleStream(self._words)


class OracleStream:
    def __init__(self, words: Words) -> None:
        self._words = words

    def feed(self, pcm: bytes) -> None:
        pass

    async def finish(self) -> Words:
        return self._words

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


class Near(_Engine):
    """Understands whoever is near, as they speak, and nobody else: a recogniser without errors.

    A stream has the words of `WORDS["content"]` once it heard enough that was loud.
    """

    def __init__(self, name: str) -> None:
        self.info = EngineInfo(f"bench:{name}", "stt", demo=True, partials=True)

    def open(self, language: str, on_words: Callable[[Words], None]) -> NearStream:
        return NearStream(on_words)


class NearStream:
    LOUD = 0.06
    """RMS of 20 ms, of full scale: a voice at the microphone, not one across the room."""
    FIRST_MS = 250
    """Of loud sound before the first words come."""

    def __init__(self, on_words: Callable[[Words], None]) -> None:
        self._on_words = on_words
        self._loud_ms = 0.0

    def feed(self, pcm: bytes) -> None:
        samples = array("h", pcm)
        level = math.sqrt(sum(s * s for s in samples) / max(1, len(samples))) / 32768
        before = self._loud_ms
        self._loud_ms += (level >= self.LOUD) * len(samples) / 16
        if before < self.FIRST_MS <= self._loud_ms:
            self._on_words(replace(WORDS["content"], final=False))

    async def finish(self) -> Words:
        return WORDS["content"] if self._loud_ms >= self.FIRST_MS else WORDS["none"]

    def reset(self) -> None:
        self._loud_ms = 0.0

    def close(self) -> None:
        pass


class Prompt(_Engine):
    """A model without latency: the same long answer to everything."""

    def __init__(self, name: str) -> None:
        super().__init__("llm", name)
        self._text = {"tones": ANSWER, "told": TOLD, "long": TOLD * 10}[name]

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
        for piece in re.findall(r"\S+\s*", self._text):
            yield TextDelta(piece)


class Hangs(_Engine):
    """A model that never answers."""

    def __init__(self, name: str) -> None:
        super().__init__("llm", name)

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
        await asyncio.Event().wait()
        yield TextDelta("")


class Tones(_Engine):
    """A voice whose words are steady tones: level and word can be read off every 10 ms of it."""

    def __init__(self, name: str) -> None:
        super().__init__("tts", name)
        for word in range(TONES):
            sine(tone(word))

    async def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        for match in re.finditer(r"w(\d+)", text):
            yield Speech(sine(tone(int(match[1]))), RATE, ((0, match.start()),))


@cache
def sine(frequency: float) -> bytes:
    """A word at 24 kHz; made once, for making it takes time that a reply would be late by."""
    step = 2 * math.pi * frequency / RATE
    return array(
        "h", (round(LEVEL * math.sin(step * n)) for n in range(RATE * WORD_MS // 1000))
    ).tobytes()


_embedded: list[Stt] = []


def build(choice: Choice, ourselves: int | None = None) -> Engines:
    """As `registry.build`, with the engines above for names that begin with `bench:`."""
    ours = {
        role: name.removeprefix("bench:")
        for role in ("stt", "llm", "tts")
        if (name := getattr(choice, role) or "").startswith("bench:")
    }
    made = registry.build(replace(choice, **dict.fromkeys(ours)), ourselves)
    if "stt" not in ours:
        # One recogniser for all agents, as a server with one agent has it.
        _embedded.append(made.stt)
        made = replace(made, stt=_embedded[0])
    kinds: dict[str, Callable[[str], Any]] = {"stt": _ear, "llm": _mind, "tts": Tones}
    return replace(made, **{role: kinds[role](name) for role, name in ours.items()})


def _mind(name: str) -> Prompt | Hangs:
    return Hangs(name) if name == "hangs" else Prompt(name)


def _ear(name: str) -> Oracle | Near:
    return Near(name) if name == "near" else Oracle(name)
