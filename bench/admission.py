"""Calls beyond what the server carries: who is refused, how soon, and what the others hear of it.

Callers come one after the other whatever became of those before (an open loop), each to talk for a
while, so many that twice as many would be live as the server carries. Run with the limit that the
server learns, then without any, which shows what it keeps them from.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx

from talkover import _core

from .child import Child
from .line import Line, Refused
from .report import Report, arguments, percentile, say, spread, table
from .speech import conversation, save

GOALS = {
    "frames_late_percent": 1.0,
    "lateness_p99_ms_of_a_second_p95": 20.0,
    "refusal_ms_p99": 50.0,
    "audio_of_a_call_p5": 0.98,
}
METHOD = (
    "The server has one core to itself and the callers another, where there are two. A caller "
    "talks, and is talked to, without an end. Live, limit and lateness are the server's own, once "
    "a second; late frames were sent more than 10 ms after their due time; audio is 20 ms frames "
    "that a call received against those due while it was connected. What counts begins after the "
    "settling time. A refusal is timed from the request to the answer. The run without a limit "
    "has the same callers."
)
SECOND = 1.0


@dataclass(slots=True)
class Crowd:
    """What became of the callers; `since` is when what counts begins."""

    since: float
    refused_ms: list[float] = field(default_factory=list[float])
    retry: list[int] = field(default_factory=list[int])
    audio: list[float] = field(default_factory=list[float])
    failed: list[str] = field(default_factory=list[str])
    late_ms: list[float] = field(default_factory=list[float])


async def caller(
    crowd: Crowd, client: httpx.AsyncClient, url: str, tape: list[bytes], lasting: float
) -> None:
    """One call, if it gets in."""
    line = Line(records=False)
    began = time.monotonic()
    try:
        await line.dial(client, url, "talking")
        line.send({"type": "response.create"})
        await line.until(lambda: bool(line.of("output_audio_buffer.started")), 20)
        line.play(tape, looped=True)
        first, at = line.frames, time.monotonic()
        await asyncio.sleep(lasting)
        due = (time.monotonic() - at) * 50
        if began >= crowd.since:
            crowd.audio.append((line.frames - first) / due)
            crowd.late_ms.append(line.media.core.stats()["lateness_p99_ms"])
        await line.hang_up(client)
    except Refused as refused:
        if began >= crowd.since:
            crowd.refused_ms.append(1000 * (time.monotonic() - began))
            crowd.retry.append(int(refused.headers["Retry-After"]))
    except (RuntimeError, TimeoutError, httpx.HTTPError) as error:
        crowd.failed.append(f"{type(error).__name__}: {error}")
    finally:
        line.close()


async def look(server: Child, client: httpx.AsyncClient, begun: float) -> list[dict[str, Any]]:
    """The server, once a second, until cancelled."""
    found: list[dict[str, Any]] = []
    before = (await server.account(reset=True))["media"]
    try:
        while True:
            await asyncio.sleep(SECOND)
            ready = (await client.get(f"{server.url}/readyz")).json()
            media = (await server.account(reset=True))["media"]
            found.append(
                {
                    "at": round(time.monotonic() - begun, 1), "live": ready["calls"],
                    "limit": ready["calls"] + ready["room"],
                    "lateness_p99_ms": media["lateness_p99_ms"],
                    "sent": media["frames_sent"] - before["frames_sent"],
                    "late": media["frames_late"] - before["frames_late"],
                }
            )  # fmt: skip
            before = media
    except asyncio.CancelledError:
        return found


async def measure(
    asked: argparse.Namespace, tape: list[bytes], folder: Path, *, learns: bool
) -> dict[str, Any]:
    environment = {"BENCH_SPEECH": str(folder / "agent.wav")}
    if learns:
        environment["BENCH_ADMISSION"] = "learned"
    cores = sorted(os.sched_getaffinity(0))
    async with Child("bench.server", folder, cores=cores[-1:], **environment) as server:
        os.sched_setaffinity(0, cores[:-1] or cores)
        try:
            limits = httpx.Limits(max_connections=400)
            async with httpx.AsyncClient(limits=limits, timeout=30) as client:
                return await crowded(asked, tape, server, client) | {"learns": learns}
        finally:
            os.sched_setaffinity(0, cores)


async def crowded(
    asked: argparse.Namespace, tape: list[bytes], server: Child, client: httpx.AsyncClient
) -> dict[str, Any]:
    """Callers come at a constant rate until the time is over; then the last ones finish."""
    begun = time.monotonic()
    crowd = Crowd(since=begun + asked.settle)
    looking = asyncio.create_task(look(server, client, begun))
    apart = asked.lasting / asked.offered
    async with asyncio.TaskGroup() as calls:
        for n in range(round(asked.seconds / apart)):
            await asyncio.sleep(max(0.0, begun + n * apart - time.monotonic()))
            turn = n * 37 % len(tape)
            turned = tape[turn:] + tape[:turn]
            calls.create_task(caller(crowd, client, server.url, turned, asked.lasting))
        ended = time.monotonic() - begun
    looking.cancel()
    seconds = [one for one in await looking if asked.settle <= one["at"] <= ended]
    return figures(crowd, seconds) | {"load": os.getloadavg()[0]}


def figures(crowd: Crowd, seconds: list[dict[str, Any]]) -> dict[str, Any]:
    sent = sum(one["sent"] for one in seconds)
    late = sum(one["late"] for one in seconds)
    return {
        "live": spread([one["live"] for one in seconds]),
        "limit": spread([one["limit"] for one in seconds]),
        "frames_late_percent": round(100 * late / sent, 3) if sent else None,
        "lateness_p99_ms_of_a_second": spread([one["lateness_p99_ms"] for one in seconds], 2),
        "admitted": len(crowd.audio),
        "refused": len(crowd.refused_ms),
        "refusal_ms": spread(crowd.refused_ms, 1)
        | {"p99": round(percentile(crowd.refused_ms, 99) or 0.0, 1)},
        "retry_after_s": sorted(set(crowd.retry)),
        "audio_of_a_call": spread(crowd.audio, 3) | {"p5": percentile(crowd.audio, 5)},
        "generator_lateness_p99_ms": percentile(crowd.late_ms, 90),
        "failed": crowd.failed,
        "seconds": seconds,
    }


async def run(asked: argparse.Namespace) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tape = _core.encode_opus(conversation(folder, 0.7).tobytes())
        save(folder / "agent.wav", conversation(folder, 0.1))
        found: list[dict[str, Any]] = []
        for learns in [True] if asked.no_control else [True, False]:
            say(f"{asked.offered} calls offered, {'with' if learns else 'without'} a limit")
            found.append(await measure(asked, tape, folder, learns=learns))
        return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--offered", type=int, default=120, help="calls that would be live")
    parser.add_argument("--lasting", type=float, default=20.0, help="seconds of a call")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--settle", type=float, default=30.0, help="seconds that do not count")
    parser.add_argument("--no-control", action="store_true", help="only with a limit")
    asked = parser.parse_args()
    report = Report("admission", asked)
    found = asyncio.run(run(asked))
    report.write(METHOD, GOALS, {"runs": found})
    head = ("limit", "live", "admitted", "refused", "refusal p99", "late %", "late p99/s p50",
            "p95", "audio p5", "audio p50", "generator p99", "load")  # fmt: skip
    rows = [
        [
            "learned" if one["learns"] else "none", one["live"]["p50"], one["admitted"],
            one["refused"], one["refusal_ms"]["p99"], one["frames_late_percent"],
            one["lateness_p99_ms_of_a_second"]["p50"], one["lateness_p99_ms_of_a_second"]["p95"],
            one["audio_of_a_call"]["p5"], one["audio_of_a_call"]["p50"],
            one["generator_lateness_p99_ms"], one["load"],
        ]
        for one in found
    ]  # fmt: skip
    table("admission", head, rows)


if __name__ == "__main__":
    main()
