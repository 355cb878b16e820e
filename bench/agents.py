"""The agents that the benchmarks serve and call by name."""

from __future__ import annotations

import os
import time
import wave
from collections.abc import AsyncGenerator, Iterator
from functools import cache
from pathlib import Path

from bench.engines import WORDS
from talkover import Agent, Audio, Session, Turn

_PIECE = 24000 * 2
"""One second: what a voice hands over at a time."""


def oracle(words: str) -> str:
    """Name of the agent whose recogniser hears just these words of `WORDS`."""
    return f"oracle {words}"


AGENTS: dict[str, Agent] = {
    "listening": Agent(llm="bench:told", stt="bench:content", tts="bench:tones"),
    "talking": Agent(
        llm="bench:told", stt="bench:content", tts="bench:tones", interruptions="no"
    ),
    "long": Agent(llm="bench:long", stt="bench:content", tts="bench:tones"),
    "echo": Agent(llm="bench:told", stt="bench:none", tts="bench:tones"),
    "embedded": Agent(llm="bench:told"),
    "embedded ear": Agent(llm="bench:tones", tts="bench:tones"),
    "demo": Agent(),
    "hangs": Agent(llm="bench:hangs"),
    "blocks": Agent(),
    "near ear": Agent(llm="bench:tones", stt="bench:near", tts="bench:tones"),
} | {
    oracle(words): Agent(llm="bench:tones", stt=f"bench:{words}", tts="bench:tones")
    for words in WORDS
}  # fmt: skip


@cache
def _speech() -> list[Audio]:
    """One for all calls: their memory is to be the server's."""
    with wave.open(os.environ["BENCH_SPEECH"]) as source:
        speech = source.readframes(source.getnframes())
    return [Audio(speech[n : n + _PIECE]) for n in range(0, len(speech) - _PIECE, _PIECE)]


@AGENTS["talking"].reply
async def talk_on(turn: Turn) -> AsyncGenerator[Audio]:
    """Speech without an end."""
    while True:
        for piece in _speech():
            yield piece


@AGENTS["blocks"].reply
def block(turn: Turn) -> Iterator[str]:
    """A plain function that takes its time over each word."""
    for word in ("One", "moment", "please."):
        time.sleep(2)
        yield f"{word} "


@AGENTS["echo"].live
async def send_back(session: Session) -> AsyncGenerator[Audio]:
    """The caller's sound, which is also kept as it was heard: 16 kHz, a file for each call."""
    with (Path(os.environ["BENCH_HEARD"]) / session.id).open("wb", 0) as heard:
        async for audio in session.audio():
            heard.write(audio.data)
            yield audio
