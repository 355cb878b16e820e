"""Many calls on the embedded engines, some of them speaking at once: who waits for whom?

One server process with the demo's recogniser, dialogue and voice, and real WebRTC callers whose
microphones are always on. They speak in groups, one group after the other, so that at any time as
many speak as were asked for, while those before them hear their answers. Beside them, two sessions
that are slow: a model that hangs, and an agent whose plain function blocks.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx

from talkover.engines.demo.voice import EspeakVoice

from .child import Child
from .line import Line
from .report import Report, arguments, percentile, say, spread, table
from .speech import Clip, Tape, embedded

GOALS = {"lag_p99_ms": 5.0, "frames_late": 0, "generator_lateness_p99_ms": 10.0}
METHOD = (
    "Lag is the server's own metric, talkover_loop_lag_seconds, in the window: ten samples a "
    "second, percentiles interpolated within its buckets. Late frames were sent more than 10 ms "
    "after their due time. An answer is timed from the last sample of the words, as a microphone "
    "would have had it, to the event that the answer's first frame was sent; its stt is what the "
    "server says of waiting for the recogniser, which is its queue. Workers are the processes of "
    "recogniser and voice; their CPU is in % of one core. The generator's lateness is the p99 that "
    "nine of ten callers did not exceed."
)
SAID = (
    "could you tell me the time please", "please tell me the time",
    "how much is twelve times seven please", "what is the date today please",
    "can you count up to three please",
)  # fmt: skip
VOICES = ("en-us", "en-gb", "en-us+f3", "en-us+m3", "en-gb+f2")
GAP_S = 0.3
SPREAD_S = 0.3
"""Those of a group do not begin in the same moment."""
AT_ONCE = 8
SLOW = ("hangs", "blocks")
AGAIN_S = 3.0


@dataclass(slots=True)
class Speaker:
    """A caller; `ends`: when on its tape, seconds, its words are over. The tape goes round."""

    line: Line
    tape: list[bytes]
    ends: float

    def answers(self, period: float, since: float, until: float) -> list[float | None]:
        """Seconds to each answer within that time; None for words that had none in a period."""
        started = self.line.times("output_audio_buffer.started")
        found: list[float | None] = []
        n = 0
        while (end := self.line.spoken(self.ends + n * period)) < until:
            n += 1
            if end >= since:
                found.append(next((at - end for at in started if end < at < end + period), None))
        return found


async def speakers(sessions: int, speaking: int) -> tuple[list[Speaker], float]:
    """Callers, in groups that speak in turn; and the seconds after which it is their turn again."""
    voice = EspeakVoice()
    await voice.warm()
    clips: list[Clip] = [
        await embedded(text, voice, VOICES[n % len(VOICES)]) for n, text in enumerate(SAID)
    ]
    await voice.close()
    slot = max(clip.seconds for clip in clips) + SPREAD_S + GAP_S
    groups = -(-sessions // speaking)
    # Long enough to hear a short answer, however few groups there are.
    period = max(groups, 4) * slot
    made: list[Speaker] = []
    for n in range(sessions):
        group, place = divmod(n, speaking)
        tape = Tape(n).silence(group * slot + SPREAD_S * place / speaking)
        _, ends = tape.say(clips[n % len(clips)])
        tape.silence(period - tape.seconds)
        made.append(Speaker(Line(records=False), tape.packets(), ends))
    return made, period


async def slow(url: str, agent: str, client: httpx.AsyncClient) -> None:
    """A session that asks again and again, whatever becomes of it, until cancelled."""
    line = Line(records=False)
    try:
        await line.dial(client, url, agent)
        text = {"type": "input_text", "text": "what time is it"}
        item = {"type": "message", "role": "user", "content": [text]}
        while True:
            line.send({"type": "conversation.item.create", "item": item})
            line.send({"type": "response.create"})
            await asyncio.sleep(AGAIN_S)
            line.send({"type": "response.cancel"})
    finally:
        line.close()


async def measure(
    asked: argparse.Namespace, server: Child, callers: Sequence[Speaker], period: float
) -> dict[str, Any]:
    lines = [caller.line for caller in callers]
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:
        beside = [asyncio.create_task(slow(server.url, name, client)) for name in SLOW]
        for first in range(0, len(lines), AT_ONCE):
            some = lines[first : first + AT_ONCE]
            await asyncio.gather(*(line.dial(client, server.url, "demo") for line in some))
        say(f"{len(lines)} calls; each speaks every {period:.0f} s")
        for caller in callers:
            caller.line.play(caller.tape, looped=True)
        await asyncio.sleep(period)
        for line in lines:
            line.media.core.reset_lateness()
        loop = asyncio.get_running_loop()
        before, lag = await server.account(reset=True), await lags(client, server.url)
        since = loop.time()
        await asyncio.sleep(asked.seconds)
        after, lag_after = await server.account(), await lags(client, server.url)
        until, load = loop.time(), os.getloadavg()[0]
        # Those who spoke last are answered too.
        await asyncio.sleep(period)
        alive = sum(line.closed is None for line in lines)
        ended = [task.exception() for task in beside if task.done()]
        for task in beside:
            task.cancel()
        await asyncio.gather(*(line.hang_up(client) for line in lines))
    answers = [answer for caller in callers for answer in caller.answers(period, since, until)]
    lag_s = [(bound, count - lag[bound]) for bound, count in lag_after.items()]
    return {
        "alive": alive, "slow_ended": [str(error) for error in ended], "load": load,
        "stt_ms": spread(_stt(lines, since, until)),
        "errors": Counter(e["error"]["message"] for line in lines for e in line.of("error")),
    } | _figures(before, after, lag_s, answers, lines)  # fmt: skip


def _figures(
    before: dict[str, Any],
    after: dict[str, Any],
    lag_s: list[tuple[float, float]],
    answers: list[float | None],
    lines: Sequence[Line],
) -> dict[str, Any]:
    seconds = after["at"] - before["at"]
    heard = [1000 * answer for answer in answers if answer is not None]
    late = percentile([line.media.core.stats()["lateness_p99_ms"] for line in lines], 90) or 0.0
    media = {key: after["media"][key] - before["media"][key] for key in
             ("frames_sent", "frames_late")}  # fmt: skip
    return media | {
        "lag_p50_ms": quantile(lag_s, 0.5), "lag_p99_ms": quantile(lag_s, 0.99),
        "lag_over_5_ms": _over(lag_s, 0.005),
        "lateness_p99_ms": after["media"]["lateness_p99_ms"],
        "answer_ms": spread(heard), "turns": len(answers), "unanswered": len(answers) - len(heard),
        "server_cpu_percent": round(100 * (after["cpu"] - before["cpu"]) / seconds, 1),
        "workers_cpu_percent": round(
            100 * (after["children_cpu"] - before["children_cpu"]) / seconds, 1
        ),
        "rss_mb": round(after["rss"] / 1e6, 1),
        "generator_lateness_p99_ms": late, "valid": late <= 10.0,
    }  # fmt: skip


def _stt(lines: Sequence[Line], since: float, until: float) -> list[float]:
    """Of each reply once: its account is told again when the client has added to it."""
    told = {
        event["response_id"]: event["timings"]["stt"]
        for line in lines
        for at, event in line.events
        if event["type"] == "talkover.turn" and since <= at < until and "stt" in event["timings"]
    }
    return list(told.values())


async def lags(client: httpx.AsyncClient, url: str) -> dict[float, float]:
    """Samples of the loop's lag so far that are not above each bound, seconds."""
    text = (await client.get(f"{url}/metrics")).text
    found = re.findall(r'^talkover_loop_lag_seconds_bucket\{le="(.+?)"\} (\S+)', text, re.MULTILINE)
    return {float(bound): float(count) for bound, count in found}


def quantile(buckets: list[tuple[float, float]], share: float) -> float | None:
    """Of a cumulative histogram, ms, interpolated as Prometheus does; None of nothing."""
    total = buckets[-1][1]
    if not total:
        return None
    low, under = 0.0, 0.0
    for bound, count in buckets:
        if count >= share * total:
            if bound == float("inf"):
                return round(1000 * low, 2)
            return round(
                1000 * (low + (bound - low) * (share * total - under) / (count - under)), 2
            )
        low, under = bound, count
    return None


def _over(buckets: list[tuple[float, float]], bound: float) -> int:
    return round(buckets[-1][1] - dict(buckets)[bound])


async def run(asked: argparse.Namespace) -> dict[str, Any]:
    whole = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as name:
        callers, period = await speakers(asked.sessions, asked.speaking)
        try:
            # A child has the cores of whoever starts it.
            os.sched_setaffinity(0, asked.server_cores or whole)
            async with Child("bench.server", Path(name)) as server:
                os.sched_setaffinity(0, asked.caller_cores or whole)
                found = await measure(asked, server, callers, period)
        finally:
            os.sched_setaffinity(0, whole)
            for caller in callers:
                caller.line.close()
    return found | {"period_s": round(period, 2)}


def cores(text: str) -> list[int]:
    """As taskset has them: 0,1,4-7."""
    ends = [part.partition("-")[::2] for part in text.split(",")]
    return [core for first, last in ends for core in range(int(first), int(last or first) + 1)]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--speaking", type=int, default=10, help="of them, at the same time")
    parser.add_argument("--seconds", type=float, default=60.0, help="the measuring window")
    parser.add_argument("--server-cores", type=cores, help="for server and engines, as 0,1,4-7")
    parser.add_argument("--caller-cores", type=cores, help="for the callers")
    asked = parser.parse_args()
    report = Report("load", asked)
    found = asyncio.run(run(asked))
    report.write(METHOD, GOALS, found)
    keys = ("lag_p50_ms", "lag_p99_ms", "lag_over_5_ms", "frames_sent", "frames_late",
            "lateness_p99_ms", "turns", "unanswered", "server_cpu_percent", "workers_cpu_percent",
            "generator_lateness_p99_ms", "load", "valid")  # fmt: skip
    rows: list[tuple[str, Any]] = [(key, found[key]) for key in keys]
    for name in ("answer_ms", "stt_ms"):
        rows += [(f"{name} {key}", found[name][key]) for key in ("p50", "p95")]
    table(f"{asked.sessions} calls, {asked.speaking} speaking", ("", "measured"), rows)


if __name__ == "__main__":
    main()
