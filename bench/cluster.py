"""Servers that share NATS: one killed with all its calls, one killed together with the NATS server
that leads, one cut off from NATS, all restarted one after the other; when calls talk again and what
they miss. And what a hundred who watch one call are told, and when."""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.cluster.nats_cluster import NatsCluster
from tests.cluster.nats_server import NatsServer

from talkover.cli.caller import Caller
from talkover.cluster.nats import BUCKET, STREAM

from .report import Report, arguments, percentile, say, spread, table
from .resume import PATIENCE_S, SPEAKING_S, Outcome, Served, held
from .rolling import roll
from .severed import Relay, cut
from .watching import watching

GOALS: dict[str, dict[str, Any]] = {
    "kills": {
        "talking_again_ms": {"p50": 1500, "p95": 3000, "max": 5000},
        "items_lost": 0, "items_doubled": 0,
    },
    "leader": {
        "talking_again_ms": {"p95": 12000}, "items_lost": 0, "items_doubled": 0,
    },
    "cut": {
        "talking_again_ms": {"p95": 6000},
        "items_lost": 0, "items_doubled": 0, "strays_written": 0,
    },
    "drain": {"audio_gap_ms": {"max": 300}, "words_cut": 0, "calls_cut": 0},
    "fan_out": {"ms": {"p99": 5}},
}  # fmt: skip
METHOD = (
    "Three servers and one NATS on this machine. Kills: `--n` callers over WebRTC with one server "
    "and as many with another, each in a numbered dialogue in writing, as in `bench.resume`. The "
    "first server is killed (SIGKILL) at a random moment of everybody's third answer; its callers "
    "come back at once to one of the others, by their tokens. Talking again: from the kill to the "
    "first sound of an answer that counts right. Late: packets of the other server's calls that "
    "came more than 60 ms after the one before, from the kill to the last return. Leader: three "
    "NATS servers that keep all thrice, and with the first server the one of them is killed that "
    "leads the log, or, every second time, the directory, in which sessions are claimed. Cut: "
    "instead, a TCP relay between the first server and NATS carries nothing any more; each caller "
    "says one thing more to that server, which must not be in the history, and goes elsewhere; "
    "then the relay goes on, and the server has to let go of all. Drain: `--n` callers of each "
    "server; each in turn is told to stop (SIGTERM) and started again, and its callers move. "
    "Moved: from being asked to being elsewhere; audio gap: the longest time between two pieces of "
    "sound from 1 s before that to 1 s after. Fan-out: `--watchers` sockets watch one call; for "
    "each event, when it had come for each after it had for the first, by the system's receive "
    "stamps: on one machine they would wait for each other to read."
)
PACE_MS = 60
ANSWERS = 5


async def kill(
    servers: list[Served], n: int, leader: NatsServer | None = None
) -> tuple[list[float], list[Outcome], int]:
    """ms until each talked again; what became of their histories; late packets of the others.

    `leader` is killed in the same moment.
    """
    first, *others = servers
    begun, killed = asyncio.Semaphore(0), asyncio.Event()
    callers = [asyncio.create_task(held(first, begun, killed, others)) for _ in range(n)]
    bystanders = [Bystander(others[0].url) for _ in range(n)]
    for bystander in bystanders:
        await bystander.dial()
    for _ in range(n):
        await begun.acquire()
    await asyncio.sleep(random.random() * SPEAKING_S)
    for bystander in bystanders:
        bystander.late = 0
    if leader is not None:
        leader.kill()
    await first.end(signal.SIGKILL)
    fell = time.monotonic()
    killed.set()
    outcomes = await asyncio.gather(*callers)
    late = sum(bystander.late for bystander in bystanders)
    for bystander in bystanders:
        await bystander.hang_up()
    return [(one.again - fell) * 1000 for one in outcomes], outcomes, late


class Bystander(Caller):
    """A caller of a server to which nothing happens; counts what came late."""

    def __init__(self, url: str) -> None:
        super().__init__(url, on_sound=self._sounded)
        self.late = 0
        self._last: float | None = None

    def _sounded(self, _: bytes) -> None:
        now = time.monotonic()
        if self._last is not None and (now - self._last) * 1000 > PACE_MS:
            self.late += 1
        self._last = now


async def fan_out(server: Served, watchers: int) -> list[float]:
    """For each event and watcher, ms after the first of them had it."""
    call = Caller(server.url)
    await call.dial()
    id = call.location.rpartition("/")[2]
    url = f"{server.url}/v1/realtime?call_id={id}"
    async with watching(url, watchers) as noted:
        for n in range(1, ANSWERS + 1):
            call.type(f"This is thing {n}.")
            await call.wait_for("response.done", n, PATIENCE_S)
        await call.hang_up()
    # Each sees the same events, up to the end of the call.
    assert len({len(times) for times in noted}) == 1
    return [(one - min(times)) * 1000 for times in zip(*noted, strict=True) for one in times]


async def _kills(servers: list[Served], options: argparse.Namespace) -> dict[str, Any]:
    again: list[float] = []
    outcomes: list[Outcome] = []
    late = 0
    for n in range(options.kills):
        times, became, others = await kill(servers, options.n)
        again, outcomes, late = again + times, outcomes + became, late + others
        say(f"kill {n + 1}: all talk again after {max(times):.0f} ms")
        await servers[0].start()
        servers.append(servers.pop(0))
    return {
        "talking_again_ms": spread(again), **_items(outcomes), "late_packets_of_others": late,
    }  # fmt: skip


async def _leader(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Among three servers and three of NATS, all their own."""
    again: list[float] = []
    outcomes: list[Outcome] = []
    cluster = NatsCluster(folder / "thrice")
    await cluster.ready()
    servers = await _started(folder / "leader", *[cluster.url] * 3, replicas=3)
    for n in range(options.kills):
        leader = await cluster.leader((STREAM, f"KV_{BUCKET}")[n % 2])
        times, became, _ = await kill(servers, options.n, leader)
        again, outcomes = again + times, outcomes + became
        say(f"kill {n + 1} with the leader: all talk again after {max(times):.0f} ms")
        leader.start()
        await cluster.ready()
        await servers[0].start()
        servers.append(servers.pop(0))
    for server in servers:
        await server.end(signal.SIGINT)
    cluster.stop()
    return {"talking_again_ms": spread(again), **_items(outcomes)}


async def _cut(folder: Path, nats: NatsServer, options: argparse.Namespace) -> dict[str, Any]:
    """Among three servers of its own, one of which has the line that is cut."""
    async with Relay(nats.url)() as relay:
        first, *others = await _started(folder / "cut", relay.url, nats.url, nats.url)
        found = await cut(relay, first, others, options.n)
        say(f"link cut: all talk again after {max(found.again_ms):.0f} ms")
        for server in (first, *others):
            await server.end(signal.SIGINT)
    return {
        "talking_again_ms": spread(found.again_ms), **_items(found.outcomes),
        "strays_written": found.strays, "fenced_after_ms": round(found.fenced_ms),
    }  # fmt: skip


async def _drain(servers: list[Served], options: argparse.Namespace) -> dict[str, Any]:
    found = await roll(servers, options.n)
    say(f"drain: {len(found.moved_ms)} moves")
    return {
        "moved_ms": spread(found.moved_ms), "nowhere_ms": spread(found.nowhere_ms),
        "audio_gap_ms": spread(found.audio_gap_ms), "emptied_ms": spread(found.emptied_ms),
        "words": found.words, "words_cut": found.words_cut, "calls_cut": found.calls_cut,
    }  # fmt: skip


async def _fan_out(servers: list[Served], options: argparse.Namespace) -> dict[str, Any]:
    spreads = await fan_out(servers[0], options.watchers)
    p99 = percentile(spreads, 99)
    return {"ms": spread(spreads, 1) | {"p99": None if p99 is None else round(p99, 1)}}


def _items(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return {
        "items_lost": sum(one.lost for one in outcomes),
        "items_doubled": sum(one.doubled for one in outcomes),
    }


async def _started(folder: Path, *urls: str, replicas: int = 1) -> list[Served]:
    """A server for each, which reaches NATS there."""
    servers: list[Served] = []
    for name, url in zip("abc", urls, strict=True):
        (folder / name).mkdir(parents=True)
        servers.append(Served(
            folder / name, "--nats", url, "--nats-replicas", str(replicas),
            "--drain-seconds", "60",
        ))  # fmt: skip
        await servers[-1].start()
    return servers


async def measure(options: argparse.Namespace) -> None:
    report = Report("cluster", options)
    random.seed(options.seed)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nats = NatsServer(folder)
        servers = await _started(folder, nats.url, nats.url, nats.url)
        try:
            for part in options.parts.split(","):
                match part:
                    case "kills":
                        results[part] = await _kills(servers, options)
                    case "leader":
                        results[part] = await _leader(folder, options)
                    case "cut":
                        results[part] = await _cut(folder, nats, options)
                    case "drain":
                        results[part] = await _drain(servers, options)
                    case _:
                        results[part] = await _fan_out(servers, options)
        finally:
            for server in servers:
                await server.end(signal.SIGINT)
            nats.stop()
    file = report.write(METHOD, {part: GOALS[part] for part in results}, results)
    _show(results, f"{options.n} callers each, {options.watchers} watchers")
    print(f"  {file}")


def _show(results: dict[str, Any], title: str) -> None:
    spreads = [
        (f"{part}: {name}", value) for part, found in results.items()
        for name, value in found.items() if isinstance(value, dict)
    ]  # fmt: skip
    columns = ("n", "p50", "p95", "p99", "max")
    rows = [(name, *(value.get(one) for one in columns)) for name, value in spreads]
    table(title, ("", *columns), rows)
    counts = [
        (f"{part}: {name}", value) for part, found in results.items()
        for name, value in found.items() if not isinstance(value, dict)
    ]  # fmt: skip
    table("and", ("", "n"), counts)


def _parts(text: str) -> str:
    unknown = set(text.split(",")) - set(GOALS)
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: give some of {', '.join(GOALS)}")
    return text


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--parts", type=_parts, default=",".join(GOALS))
    parser.add_argument("--n", type=int, default=10, help="callers of each server")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--watchers", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
