"""What it costs to be observed: a fact that is read, a turn that is traced, a scrape."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
import websockets

from talkover import Agent
from talkover.media.port import MediaPort
from talkover.observe.figures import Figures
from talkover.observe.metrics import Metrics
from talkover.observe.observatory import Reader
from talkover.protocol import facts as f
from talkover.protocol.config import first_config
from talkover.session.account import STAGES
from talkover.session.cast import Cast, Names
from talkover.session.session import Session
from talkover.session.stream import Entry
from talkover.testing.engines import ScriptedEar, ScriptedLlm, SteadyVoice

from .child import Child
from .report import Report, arguments, say, spread, table
from .wire import url

GOALS = {"fact_us": 5.0, "scrape_ms_50": 20.0}
METHOD = (
    "A fact: CPU time of the reader that counts facts, over the facts of a spoken turn as a "
    "session tells them (60 pieces of sound, 40 of text, 40 words, its states, its account), the "
    "turn's line in the log not written. Traced: the same with an OpenTelemetry SDK that keeps no "
    "span, for each turn. Scrape: GET /metrics over loopback from a server (bench.server) with as "
    "many idle WebSocket sessions, by the clock."
)
SCRAPES = 50


def a_turn(reply: str) -> list[f.Fact]:
    timings = dict.fromkeys((*STAGES, "total"), 20.0)
    return [
        f.State("speaking", "listening"), *[f.Partial("i", "words so far")] * 10,
        f.Decided("commit", "the words are complete"), f.Committed("i", None),
        f.ReplyCreated(reply, "audio"), *[f.ReplyTranscript(reply, "i", 0, "word ")] * 40,
        f.AudioStarted(reply, 0), f.TurnTimings(reply, timings),
        *[f.ReplyAudio(reply, "i", 0, b"")] * 60, *[f.Word(reply, "i", 0, 4, "word")] * 40,
        f.Network("udp", 20.0, 0.0), f.TurnTimings(reply, timings),
        f.ReplyDone(reply, "completed", None, (), {"input_tokens": 9, "output_tokens": 9}),
    ]  # fmt: skip


async def reading(turns: int) -> dict[str, float]:
    """Microseconds of CPU for each fact, and for each turn that is traced as well."""
    media = MediaPort("127.0.0.1", 0)
    cast = Cast(Agent("x"), ScriptedEar(), ScriptedLlm({"": "x"}), SteadyVoice())
    session = Session(
        cast, first_config({}), media.core.attach(), Names("sess_1", "rtc_1"),
        transport="websocket", attach=media.attach,
    )  # fmt: skip
    plain = per_turn(Reader(session, Metrics(), Figures(), None).take, turns)
    traced = per_turn(Reader(session, Metrics(), Figures(), keep_nothing()).take, turns)
    await session.end("measured")
    media.close()
    return {
        "fact_us": round(plain / len(a_turn("")), 2),
        "turn_us": round(plain, 1),
        "traced_turn_us": round(traced - plain, 1),
    }


def keep_nothing() -> Callable[..., None]:
    from opentelemetry.sdk.trace import TracerProvider

    from talkover.observe.traces import Traces

    return Traces(TracerProvider())


def per_turn(take: Callable[[Entry], None], turns: int) -> float:
    told = [a_turn(f"resp_{n}") for n in range(turns)]
    began = time.process_time()
    for facts in told:
        for n, fact in enumerate(facts):
            take((n, n, fact))
    return (time.process_time() - began) / turns * 1e6


async def scrapes(sessions: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        async with Child("bench.server", Path(name)) as server:
            open_ones = [
                await websockets.connect(url(server), compression=None) for _ in range(sessions)
            ]
            await asyncio.to_thread(scrape, server.url)
            taken = [await asyncio.to_thread(scrape, server.url) for _ in range(SCRAPES)]
            for socket in open_ones:
                await socket.close()
    return {"ms": spread([ms for ms, _ in taken], 2), "bytes": taken[-1][1]}


def scrape(server: str) -> tuple[float, int]:
    began = time.perf_counter()
    with urllib.request.urlopen(f"{server}/metrics", timeout=10) as response:
        size = len(response.read())
    return (time.perf_counter() - began) * 1000, size


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--turns", type=int, default=2000, help="turns to be read")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    report = Report("observe", asked)
    found: dict[str, Any] = asyncio.run(reading(asked.turns))
    for sessions in (0, 50):
        say(f"scrapes with {sessions} sessions")
        found[f"scrape_{sessions}"] = asyncio.run(scrapes(sessions))
    report.write(METHOD, GOALS, found)
    table("observe", ["", "measured", "goal, at most"], [
        ["a fact, µs of CPU", found["fact_us"], GOALS["fact_us"]],
        ["a turn's facts, µs of CPU", found["turn_us"], None],
        ["its trace, µs of CPU", found["traced_turn_us"], None],
        ["scrape, 0 sessions, ms, p50", found["scrape_0"]["ms"]["p50"], None],
        ["scrape, 50 sessions, ms, p50", found["scrape_50"]["ms"]["p50"], GOALS["scrape_ms_50"]],
    ])  # fmt: skip


if __name__ == "__main__":
    main()
