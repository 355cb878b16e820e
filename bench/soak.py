"""Thousands of short sessions of every kind, good and bad: what the server keeps of them."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx

from talkover.cli.caller import Caller, CallError
from talkover.media.port import MediaPort

from .report import Report, arguments, say, table
from .resume import Served

GOALS = {"rss_mb_per_1000_sessions": 0.2, "fds": 0, "threads": 0, "live_calls": 0}
METHOD = (
    "`--sessions` sessions, `--at-once` at a time, of kinds drawn by weight: hung up after an "
    "answer, interrupted, vanished without a word, come back by their token, offered and never "
    "connected, refused for a bad offer, and a bad event sent. Memory is the server's RSS after "
    "each 500, the slope a least-squares line over those after the first 1,000; descriptors and "
    "threads are counted before the first session and once the last are forgotten."
)
EVERY = 500
SETTLE_S = 25.0
"""An offer that never connected is forgotten after 20 s."""
FLAGS = ("--state", "memory", "--resume-seconds", "2")


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


def slope(points: list[tuple[int, float]]) -> float:
    """Of a least-squares line, for each 1,000."""
    n = len(points)
    x, y = sum(p[0] for p in points) / n, sum(p[1] for p in points) / n
    under = sum((p[0] - x) ** 2 for p in points)
    return 1000 * sum((p[0] - x) * (p[1] - y) for p in points) / under if under else 0.0


async def soak(
    server: Served, sessions: int, at_once: int
) -> tuple[list[tuple[int, float]], Counter[str]]:
    points: list[tuple[int, float]] = []
    became: Counter[str] = Counter()
    kinds, weights = list(KINDS), list(KINDS.values())
    left = iter(range(1, sessions + 1))

    async def caller() -> None:
        for number in left:
            kind = random.choices(kinds, weights)[0]
            try:
                await kind(server.url)
                became[kind.__name__] += 1
            except (CallError, TimeoutError) as error:
                became[f"{kind.__name__} failed: {type(error).__name__}"] += 1
            if number % EVERY == 0:
                points.append((number, held(server.pid)["rss_mb"]))
                say(f"{number} sessions, {points[-1][1]:.1f} MB")

    await asyncio.gather(*(caller() for _ in range(at_once)))
    return points, became


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
        points, became = await soak(server, options.sessions, options.at_once)
        await asyncio.sleep(SETTLE_S)
        after = held(server.pid)
        async with httpx.AsyncClient() as client:
            live = (await client.get(f"{server.url}/readyz")).json()["calls"]
        await server.end(signal.SIGINT)
    late = [point for point in points if point[0] >= min(1000, options.sessions // 2)]
    results: dict[str, Any] = {
        "sessions": dict(became),
        "rss_mb": points,
        "rss_mb_per_1000_sessions": round(slope(late), 3),
        "fds": after["fds"] - before["fds"],
        "threads": after["threads"] - before["threads"],
        "live_calls": live,
    }
    file = report.write(METHOD, GOALS, results)
    names = ("rss_mb_per_1000_sessions", "fds", "threads", "live_calls")
    table(f"{options.sessions} sessions", ("left", "more"), [(n, results[n]) for n in names])
    print(f"  {dict(became)}; {file}")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=3000)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
