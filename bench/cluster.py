"""Servers that share NATS, one of them killed with all its calls: when those talk again elsewhere;
and what a hundred who watch one call are told, and when."""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import websockets
from cluster.nats_server import NatsServer

from talkover.cli.caller import Caller

from .report import Report, arguments, say, spread, table
from .resume import PATIENCE_S, SPEAKING_S, Outcome, Served, held

GOALS = {
    "talking_again_ms": {"p50": 1500, "p95": 3000, "max": 5000},
    "items_lost": 0, "items_doubled": 0, "fan_out_ms_p99": 5,
}  # fmt: skip
METHOD = (
    "Three servers and one NATS on this machine. `--n` callers over WebRTC with one server and as "
    "many with another, each in a numbered dialogue in writing, as in `bench.resume`. The first "
    "server is killed (SIGKILL) at a random moment of everybody's third answer; its callers come "
    "back at once to one of the others, by their tokens. Talking again: from the kill to the first "
    "sound of an answer that counts right. Late: packets of the other server's calls that came "
    "more than 60 ms after the one before, from the kill to the last return. Fan-out: `--watchers` "
    "sockets watch one call; for each event, when each got it after the first of them did."
)
PACE_MS = 60
ANSWERS = 5


async def kill(servers: list[Served], n: int) -> tuple[list[float], list[Outcome], int]:
    """ms until each talked again; what became of their histories; late packets of the others."""
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
    arrived: defaultdict[int, list[float]] = defaultdict(list)

    async def watch(socket: websockets.ClientConnection) -> None:
        number = 0
        async for _ in socket:
            arrived[number].append(time.monotonic())
            number += 1

    url = f"{server.url.replace('http', 'ws')}/v1/realtime?call_id={id}"
    sockets = [await websockets.connect(url) for _ in range(watchers)]
    watching = [asyncio.create_task(watch(socket)) for socket in sockets]
    for n in range(1, ANSWERS + 1):
        call.type(f"This is thing {n}.")
        await call.wait_for("response.done", n, PATIENCE_S)
    await call.hang_up()
    await asyncio.gather(*watching)
    full = [times for times in arrived.values() if len(times) == watchers]
    return [(one - min(times)) * 1000 for times in full for one in times]


async def measure(options: argparse.Namespace) -> None:
    report = Report("cluster", options)
    random.seed(options.seed)
    again: list[float] = []
    outcomes: list[Outcome] = []
    late = 0
    with tempfile.TemporaryDirectory() as folder:
        nats = NatsServer(Path(folder))
        servers: list[Served] = []
        for name in "abc":
            (Path(folder) / name).mkdir()
            servers.append(Served(Path(folder) / name, "--nats", nats.url))
            await servers[-1].start()
        for n in range(options.kills):
            times, became, others = await kill(servers, options.n)
            again, outcomes, late = again + times, outcomes + became, late + others
            say(f"kill {n + 1}: all talk again after {max(times):.0f} ms")
            await servers[0].start()
            servers = servers[1:] + servers[:1]
        spreads = await fan_out(servers[0], options.watchers)
        for server in servers:
            await server.end(signal.SIGINT)
        nats.stop()
    results: dict[str, Any] = {
        "talking_again_ms": spread(again),
        "items_lost": sum(one.lost for one in outcomes),
        "items_doubled": sum(one.doubled for one in outcomes),
        "late_packets_of_others": late,
        "fan_out_ms": spread(spreads),
    }
    file = report.write(METHOD, GOALS, results)
    rows = [
        (name, *(results[key][one] for one in ("n", "p50", "p95", "max")))
        for name, key in (("talking again, ms", "talking_again_ms"), ("fan-out, ms", "fan_out_ms"))
    ]
    table(
        f"{options.n} callers each, {options.kills} kills, {options.watchers} watchers",
        ("", "n", "p50", "p95", "max"), rows,
    )  # fmt: skip
    print(
        f"  items lost {results['items_lost']}, doubled {results['items_doubled']}; packets of "
        f"other calls late {late}; {file}"
    )


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--n", type=int, default=10, help="callers of each of two servers")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--watchers", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
