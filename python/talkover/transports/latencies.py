"""How long engines take: nothing, or as long as published measurements of named ones say.

Each figure has its source beside it; what has none says so. To argue with them, change them here.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

Z95 = 1.645
"""Standard deviations from the median to the 95th percentile of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds, spread log-normally: half are below `p50`, 95 of 100 below `p95`. `source` is where
    the two are from."""

    p50: float
    p95: float
    source: str

    def drawn(self, key: str) -> float:
        """The same for the same key, so that every transport waits as long in the same place."""
        if not self.p50:
            return 0.0
        spread = math.log(self.p95 / self.p50) / Z95
        return self.p50 * math.exp(random.Random(key).gauss() * spread)


NONE = Delay(0.0, 0.0, "no time at all")


@dataclass(frozen=True, slots=True)
class Latency:
    """From the moment a recogniser is asked for its last words to their text; to the model's first
    word, and from word to word; to the voice's first sound, and for each further second of it."""

    name: str
    title: str
    ear: Delay = NONE
    model: Delay = NONE
    word: Delay = NONE
    voice: Delay = NONE
    second: Delay = NONE


LATENCIES: dict[str, Latency] = {
    one.name: one
    for one in (
        Latency("zero", "engines that take no time"),
        Latency(
            "gpt-4o-mini", "gpt-4o-mini between Deepgram's ears and Cartesia's voice",
            ear=Delay(
                0.247, 0.298,
                "Deepgram, end of speech to final text, 1000 recordings: "
                "https://github.com/pipecat-ai/stt-benchmark, read in November 2026",
            ),
            model=Delay(
                0.645, 1.094,
                "gpt-4o-mini through OpenRouter, first token, about 10,080 requests in a week: "
                "https://jonathanwrede.de/en/blog/i-monitored-6-llm-apis-for-7-days/, "
                "read in November 2026",
            ),
            word=Delay(
                0.0127, 0.0127,
                "the same: 105.3 tokens a second, at 0.75 words a token; spread not published",
            ),
            voice=Delay(
                0.188, 0.358,
                "Cartesia Sonic-3, first audio, by Coval on 2026-05-04: "
                "https://gradium.ai/content/tts-latency-benchmark-2026; p95 from its quartiles "
                "(100 ms apart)",
            ),
            second=Delay(0.3, 0.3, "assumed: a voice is made three times as fast as it sounds"),
        ),
    )
}  # fmt: skip
