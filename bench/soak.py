"""Short sessions of every kind, good and bad, for as long as is wanted: what the server keeps of
them, and how late it gets."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import random
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx

from talkover.cli.caller import Caller, CallError
from talkover.media.port import MediaPort

from .report import Report, arguments, say, table
from .resume import Served

GOALS = {
    "rss_mb_per_1000_sessions": 0.2, "fds": 0, "threads": 0, "live_calls": 0,
    "loop_lag_p99_last_by_first": 1.1,
}  # fmt: skip
METHOD = (
    "For `--minutes`, sessions `--at-once` at a time, of kinds drawn by weight: hung up after an "
    "answer, interrupted, vanished without a word, come back by their token, offered and never "
    "connected, refused for a bad offer, and a bad event sent. Every sixtieth of the time, and 5 s "
    "at least: the server's RSS, and the p99 of its loop's lag since the last look (by "
    "talkover_loop_lag_seconds, the bound of the bucket). The slope is a least-squares line over "
    "all but the first quarter; last by first: the mean p99 of the last quarter by that of the "
    "second. Descriptors and threads are counted before the first session and once the last are "
    "forgotten."
)
LEAST_S = 5.0
TURNED_AWAY_S = 1.0
SETTLE_S = 25.0
"""An offer that never connected is forgotten after 20 s."""
FLAGS = ("--state", "memory", "--state-hours", "0", "--resume-seconds", "2")


async def answered(url: str) -> None:
    async with Caller(url) as call:
        call.type("This is thing 1.")
        await call.wait_for("output_audio_buffer.started")


async def interrupted(url: str) -> None:
    async with Caller(url) as call:
        call.type("This is thing 1.")
        await call.wait_for("output_audio_buffer.started")
        call.send({"type": "response.cancel"})
        await call.wait_for("response.done")


async def vanished(url: str) -> None:
    call = Caller(url)
    await call.dial()
    call.vanish()


async def returned(url: str) -> None:
    call = Caller(url)
    await call.dial()
    call.type("This is thing 1.")
    await call.wait_for("response.created")
    call.vanish()
    async with Caller(url, token=call.back) as back:
        await back.wait_for("session.created")


async def never_connected(url: str) -> None:
    media = MediaPort("127.0.0.1", 0)
    _, offer = media.core.dial()
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{url}/v1/realtime/calls", content=offer, headers={"Content-Type": "application/sdp"}
        )
    media.close()
    assert answer.status_code == 201, answer.text


async def refused(url: str) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/v1/realtime/calls", content=b"v=0")
    assert answer.status_code == 400, answer.text


async def bad_event(url: str) -> None:
    async with Caller(url) as call:
        await call.wait_for("session.created")
        call.send({"type": "no.such.event"})
        await call.wait_for("error")


KINDS: dict[Callable[[str], Awaitable[None]], int] = {
    answered: 4, interrupted: 2, vanished: 2, returned: 1, never_connected: 1, refused: 1,
    bad_event: 1,
}  # fmt: skip


def held(pid: int) -> dict[str, float]:
    """What the process has now."""
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {
        "rss_mb": int(fields["VmRSS"].split()[0]) / 1024,
        "threads": int(fields["Threads"]),
        "fds": len(os.listdir(f"/proc/{pid}/fd")),
    }


def slope(points: list[tuple[float, float]]) -> float:
    """Of a least-squares line, for each 1,000."""
    n = len(points)
    x, y = sum(p[0] for p in points) / n, sum(p[1] for p in points) / n
    under = sum((p[0] - x) ** 2 for p in points)
    return 1000 * sum((p[0] - x) * (p[1] - y) for p in points) / under if under else 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """At the server while it works, `at_s` after the beginning."""

    at_s: float
    sessions: int
    rss_mb: float
    loop_lag_p99_ms: float


async def lag(client: httpx.AsyncClient, url: str) -> dict[float, float]:
    """How often the loop was no later than that, in seconds, since the start."""
    text = (await client.get(f"{url}/metrics")).text
    found = re.findall(r'^talkover_loop_lag_seconds_bucket{le="(.+)"} (.+)$', text, re.MULTILINE)
    return {float(bound): float(times) for bound, times in found}


def p99_ms(before: dict[float, float], after: dict[float, float]) -> float:
    """The bound of the bucket; what is beyond the last one is as much as that."""
    times = {bound: after[bound] - before.get(bound, 0) for bound in after}
    enough = 0.99 * max(times.values(), default=0)
    bound = min((one for one, n in times.items() if n >= enough), default=math.inf)
    return 1000 * (bound if math.isfinite(bound) else max(filter(math.isfinite, times), default=0))


class Soak:
    def __init__(self, server: Served, seconds: float) -> None:
        self._server, self._seconds = server, seconds
        self._began = time.monotonic()
        self.looks: list[Look] = []
        self.became: Counter[str] = Counter()

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    async def run(self, at_once: int) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            for _ in range(at_once):
                group.create_task(self._call())

    async def _call(self) -> None:
        kinds, weights = list(KINDS), list(KINDS.values())
        while self._now < self._seconds:
            kind = random.choices(kinds, weights)[0]
            try:
                await kind(self._server.url)
                self.became[kind.__name__] += 1
            except (CallError, TimeoutError, httpx.HTTPError, AssertionError) as error:
                if "no room" in str(error):
                    self.became["turned away"] += 1
                    await asyncio.sleep(TURNED_AWAY_S)
                else:
                    self.became[f"{kind.__name__} failed: {type(error).__name__}"] += 1

    async def _look(self) -> None:
        every = max(LEAST_S, self._seconds / 60)
        async with httpx.AsyncClient() as client:
            before = await lag(client, self._server.url)
            while self._now + every <= self._seconds + 1:
                await asyncio.sleep(every)
                after = await lag(client, self._server.url)
                rss = held(self._server.pid)["rss_mb"]
                done = self.became.total()
                self.looks.append(Look(round(self._now, 1), done, rss, p99_ms(before, after)))
                before = after
                say(f"{self._now:.0f} s, {done} sessions, {rss:.1f} MB")


def trend(looks: list[Look]) -> dict[str, float | None]:
    """MB that came with each 1,000 sessions and each hour; how much later the loop got."""
    quarter = len(looks) // 4
    later = looks[quarter:]
    first = [one.loop_lag_p99_ms for one in looks[quarter : 2 * quarter]]
    last = [one.loop_lag_p99_ms for one in looks[-quarter:]] if quarter else []
    return {
        "rss_mb_per_1000_sessions": round(slope([(n.sessions, n.rss_mb) for n in later]), 3),
        "rss_mb_per_hour": round(3.6 * slope([(n.at_s, n.rss_mb) for n in later]), 3),
        "loop_lag_p99_last_by_first": round(sum(last) / sum(first), 2) if first else None,
    }


async def measure(options: argparse.Namespace) -> None:
    report = Report("soak", options)
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        server = Served(Path(folder), *FLAGS)
        await server.start()
        # What is loaded with the first call is no leak.
        await answered(server.url)
        await asyncio.sleep(1)
        before = held(server.pid)
        run = Soak(server, options.minutes * 60)
        await run.run(options.at_once)
        await asyncio.sleep(SETTLE_S)
        after = held(server.pid)
        async with httpx.AsyncClient() as client:
            live = (await client.get(f"{server.url}/readyz")).json()["calls"]
        await server.end(signal.SIGINT)
    results: dict[str, Any] = {
        "sessions": dict(run.became), **trend(run.looks),
        "fds": after["fds"] - before["fds"],
        "threads": after["threads"] - before["threads"],
        "live_calls": live,
        "over_time": [asdict(one) for one in run.looks],
    }  # fmt: skip
    file = report.write(METHOD, GOALS, results)
    rows = [(name, results[name]) for name in (*GOALS, "rss_mb_per_hour")]
    table(f"{run.became.total()} sessions in {options.minutes} min", ("", "more"), rows)
    print(f"  {dict(run.became)}; {file}")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
