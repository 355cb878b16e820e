"""What is added between the engines: from one's first byte to the next one's beginning."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import structlog

from talkover import Agent
from talkover.engines.base import EngineInfo, Speech, TextDelta, ToolCall, Usage, Words
from talkover.media.port import MediaPort
from talkover.protocol import commands as c
from talkover.protocol import facts as f
from talkover.protocol.commands import AppendAudio
from talkover.protocol.config import first_config
from talkover.protocol.realtime import Codec
from talkover.session.cast import Cast, Names
from talkover.session.session import Session
from talkover.session.stream import Entry

from .engines import RATE, sine, tone
from .report import Report, arguments, percentile, say, table

GOALS = {"stage_ms_p50": 1.0, "stage_ms_p99_at_50": 5.0, "beyond_models_ms": 60.0}
METHOD = (
    "Whole sessions in one process: real playout, no network, facts encoded as a WebSocket client "
    "gets them. Each speaks for a second (pieces of 100 ms, at its pace), commits and is answered "
    "by two sentences, again and again, after pauses of up to a second, so that turns of different "
    "sessions meet as they do. Engines sleep (words 50 ms, first token 100, tokens 10, first sound "
    "50) and stamp the clock: 'stt to llm' is from the final words' return to the model being "
    "asked, 'llm to tts' from the token that ends the first sentence to the voice being asked, "
    "'tts to playout' from its first sound to that being in the playout. 'Beyond' is from the "
    "commit to the first frame sent, less what the three engines took themselves. 'CPU' is the "
    "same span by the loop's own processor time, which a busy machine lengthens less."
)
STT_S, TOKEN_S, PACE_S, TTS_S = 0.05, 0.1, 0.01, 0.05
PIECE_S = 0.1
PAUSE_S = 1.0
TOKENS = [f"w{n}" + (". " if n % 6 == 5 else " ") for n in range(12)]
BETWEEN = {
    "stt to llm": ("worded", "asked"), "llm to tts": ("sentence", "speak"),
    "tts to playout": ("sound", "taken"),
}  # fmt: skip


class Clock:
    """Of one session's turn: when its stages ended."""

    def __init__(self) -> None:
        self.at: dict[str, tuple[float, float]] = {}

    def stamp(self, name: str) -> None:
        self.at.setdefault(name, (time.perf_counter(), time.thread_time()))

    def spans(self) -> dict[str, float]:
        """Milliseconds by stage."""

        def took(begin: str, end: str, clock: int = 0) -> float:
            return (self.at[end][clock] - self.at[begin][clock]) * 1000

        own = took("finish", "worded") + took("asked", "sentence") + took("speak", "sound")
        found = {name: took(*ends) for name, ends in BETWEEN.items()}
        found |= {f"{name}, CPU": took(*ends, 1) for name, ends in BETWEEN.items()}
        return found | {"beyond": took("commit", "audible") - own}


class _Engine:
    def __init__(self, role: Any, clock: Clock) -> None:
        self.info = EngineInfo("overhead", role, demo=True, marks=role == "tts")
        self._clock = clock

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Ear(_Engine):
    def open(self, language: str, on_words: Callable[[Words], None]) -> Ear:
        return self

    def feed(self, pcm: bytes) -> None:
        pass

    async def finish(self) -> Words:
        self._clock.stamp("finish")
        await asyncio.sleep(STT_S)
        self._clock.stamp("worded")
        return Words("what time is it", final=True)

    def reset(self) -> None:
        pass

    def close(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  its streams are it
        pass


class Model(_Engine):
    def while_speaking(self, words: str) -> str | None:
        return None

    async def reply(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], *,
        tool_choice: Any = "auto", max_tokens: int | None = None,
    ) -> AsyncGenerator[TextDelta | ToolCall | Usage]:  # fmt: skip
        self._clock.stamp("asked")
        await asyncio.sleep(TOKEN_S)
        for token in TOKENS:
            if token.endswith(". "):
                self._clock.stamp("sentence")
            yield TextDelta(token)
            await asyncio.sleep(PACE_S)


class Voice(_Engine):
    async def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        self._clock.stamp("speak")
        await asyncio.sleep(TTS_S)
        for number, _ in enumerate(text.split()):
            self._clock.stamp("sound")
            yield Speech(sine(tone(number)), RATE)
            self._clock.stamp("taken")


class Caller:
    """Has one session, and talks to it."""

    def __init__(self, media: MediaPort, number: int) -> None:
        self._clock = clock = Clock()
        cast = Cast(Agent("x"), Ear("stt", clock), Model("llm", clock), Voice("tts", clock))
        sessions: list[Session] = []
        peer = media.attach(lambda item: sessions[0].handle(item))
        config = first_config({"audio": {"input": {"turn_detection": None}}})
        self._session = Session(
            cast, config, peer, Names(f"sess_{number}", f"rtc_{number}"),
            transport="websocket", attach=media.attach, client_may=None,
        )  # fmt: skip
        sessions.append(self._session)
        self._codec = Codec(extensions=False, audio_events=True)
        self._over = asyncio.Event()
        self._session.stream.attach(self._take)
        self._session.begin()

    async def talk(self, turns: int) -> list[dict[str, float]]:
        found: list[dict[str, float]] = []
        await asyncio.sleep(random.uniform(0, PAUSE_S))
        for _ in range(turns):
            self._clock.at.clear()
            self._over.clear()
            for _ in range(round(1 / PIECE_S)):
                self._session.submit(AppendAudio(bytes(round(48000 * PIECE_S))))
                await asyncio.sleep(PIECE_S)
            self._clock.stamp("commit")
            self._session.submit(c.CommitInput())
            self._session.submit(c.CreateResponse())
            async with asyncio.timeout(60):
                await self._over.wait()
            found.append(self._clock.spans())
            await asyncio.sleep(random.uniform(0, PAUSE_S))
        await self._session.end("measured")
        return found

    def _take(self, entry: Entry) -> None:
        for event in self._codec.encode(entry[2], entry[1]):
            json.dumps(event)
        match entry[2]:
            case f.AudioStarted():
                self._clock.stamp("audible")
            case f.ReplyDone():
                self._over.set()
            case _:
                pass


async def measured(sessions: int, turns: int) -> dict[str, dict[str, float | None]]:
    """ms of each stage by percentile."""
    media = MediaPort("127.0.0.1", 0)
    try:
        callers = [Caller(media, number) for number in range(sessions)]
        each = await asyncio.gather(*(caller.talk(turns) for caller in callers))
    finally:
        media.close()
    spans = [one for found in each for one in found]
    return {
        stage: {
            f"p{percent}": round(percentile([one[stage] for one in spans], percent) or 0.0, 3)
            for percent in (50, 99)
        }
        for stage in spans[0]
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 50])
    parser.add_argument("--turns", type=int, default=10, help="of each session")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for number in range(len(TOKENS)):
        sine(tone(number))
    report = Report("overhead", asked)
    found: dict[str, Any] = {}
    for sessions in asked.sessions:
        say(f"{sessions} sessions")
        found[str(sessions)] = asyncio.run(measured(sessions, asked.turns))
    report.write(METHOD, GOALS, found)
    rows = [
        [sessions, stage, one["p50"], one["p99"]]
        for sessions, of in found.items()
        for stage, one in of.items()
    ]
    table("added between the engines, ms", ["sessions", "stage", "p50", "p99"], rows)


if __name__ == "__main__":
    main()
