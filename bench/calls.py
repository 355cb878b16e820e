"""What a call costs: N real WebRTC calls against a server process of its own.

Modes: `listening` (speech arrives, is decoded and judged by the VAD, turns end, nobody answers)
and `talking` (the agent speaks without an end while the caller does). The load generator is this
process; a run in which it was itself late (p99 > 10 ms) is marked invalid and proves nothing.

Peers to compare with take the same load afterwards: aiortc's echo decodes and encodes each frame
again, Pion's (`bench/peers/pion`) sends each packet back as it came, or none.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx

from talkover import _core

from . import pion_echo
from .child import Child
from .line import Event, Line
from .report import Report, arguments, percentile, say, table
from .speech import RATE, conversation, save

OURS = ("listening", "talking")
LATE_MS = 10.0
"""Of the generator's packets, p99: beyond this a run does not count."""
GOALS = {
    "listening_cpu_percent_per_call": 0.3,
    "talking_cpu_percent_per_call": 0.9,
    "rss_mb_per_further_call": 1.0,
    "lateness_p99_ms_at_100_talking": 10.0,
}
METHOD = (
    "CPU is user and system time of the server process (threads too, by the kernel's run time) in "
    "the window, less what it used while idle, as % of one core, by call. Engines cost nothing: "
    "the recogniser knows its words, so the figure is that of media, session and protocol; a real "
    "embedded recogniser costs CPU in a worker process of its own, which children_cpu would show. "
    "Callers send 20 kb/s wideband Opus speech encoded beforehand, as Chromium does on our answer, "
    "each from another place of the tape. "
    "RSS per further call is against the same server with one such call. Lateness is from a "
    "frame's due time to the start of its sending (0.25 ms steps); the generator's is the p99 that "
    "nine of ten callers did not exceed. Received is datagrams taken by "
    "the generator against those sent by the server; audio is 20 ms frames received against due. "
    "A peer's ratio is its CPU by call against the median of our valid runs of that mode; aiortc "
    "decodes and encodes each frame again, Pion does neither and detects no voice. "
    "encoder_alone is what libopus alone takes for one voice at the end of that run (0.50 % on "
    "such a machine when quiet): a figure of a busy machine is to be read against it."
)
QUIET: Event = {
    "type": "session.update",
    "session": {
        "type": "realtime",
        "audio": {"input": {"turn_detection": {"type": "semantic_vad", "create_response": False}}},
    },
}
SETTLE_S = 2.0
VOICE_BITRATE = 28_000
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """What is measured: a server and what its calls do."""

    mode: str
    module: str = "bench.server"
    command: Sequence[str] = ()

    @property
    def is_peer(self) -> bool:
        return self.module != "bench.server"

    @property
    def speaks(self) -> bool:
        return "listening" not in self.mode


async def measure(
    kind: Kind, n: int, asked: argparse.Namespace, tape: list[bytes], folder: Path
) -> dict[str, Any]:
    """One run: `n` calls of a fresh server process."""
    speech = {"BENCH_SPEECH": str(folder / "agent.wav")}
    if asked.record:
        speech["BENCH_RECORD"] = str(folder / "recorded")
    async with (
        Child(kind.module, folder, command=kind.command, cores=asked.theirs, **speech) as server,
        httpx.AsyncClient() as client,
    ):
        idle = await _idle(server, asked.idle)
        lines = [Line(records=False) for _ in range(n)]

        async def join(k: int) -> None:
            await _join(lines[k], client, server.url, kind, tape, k)

        try:
            await join(0)
            await asyncio.sleep(SETTLE_S)
            one = await server.account()
            for first in range(1, n, AT_ONCE):
                await asyncio.gather(*(join(k) for k in range(first, min(n, first + AT_ONCE))))
            await asyncio.sleep(SETTLE_S)
            window = await _window(server, lines, asked.seconds)
            encoder = await asyncio.to_thread(encoder_alone, folder / "agent.wav")
            alive = sum(line.closed is None for line in lines)
            await asyncio.gather(*(line.hang_up(client) for line in lines))
        finally:
            for line in lines:
                line.close()
    run = {"mode": kind.mode, "n": n, "recorded": asked.record, "alive": alive}
    return run | {"encoder_alone_percent": encoder} | _figures(window, idle, one, kind, n)


def encoder_alone(file: Path) -> float:
    """% of a core that libopus alone takes for one such voice, now: a busy machine is slower even
    by CPU time, and this says by how much."""
    with wave.open(str(file)) as source:
        speech = source.readframes(source.getnframes())
    began = time.thread_time()
    _core.encode_opus(speech, VOICE_BITRATE, wideband=False)
    return round(100 * (time.thread_time() - began) / (len(speech) / 2 / RATE), 4)


async def _join(
    line: Line, client: httpx.AsyncClient, url: str, kind: Kind, tape: list[bytes], k: int
) -> None:
    await line.dial(client, url, None if kind.is_peer else kind.mode)
    if kind.mode == "listening":
        line.send(QUIET)
    if kind.mode == "talking":
        line.send({"type": "response.create"})
        await line.until(lambda: bool(line.of("output_audio_buffer.started")), 20)
    turn = k * 37 % len(tape)
    line.play(tape[turn:] + tape[:turn], looped=True)


async def _idle(server: Child, seconds: float) -> float:
    """CPU seconds a second without a call."""
    before = await server.account()
    await asyncio.sleep(seconds)
    after = await server.account()
    return (after["cpu"] - before["cpu"]) / (after["at"] - before["at"])


async def _window(server: Child, lines: Sequence[Line], seconds: float) -> dict[str, Any]:
    for line in lines:
        line.media.core.reset_lateness()
    taken, frames = _taken(lines), sum(line.frames for line in lines)
    before = await server.account(reset=True)
    await asyncio.sleep(seconds)
    after = await server.account()
    return {
        "before": before, "after": after, "load": os.getloadavg()[0],
        "taken": _taken(lines) - taken, "frames": sum(line.frames for line in lines) - frames,
        "generator": [line.media.core.stats()["lateness_p99_ms"] for line in lines],
    }  # fmt: skip


def _taken(lines: Sequence[Line]) -> float:
    return sum(line.media.core.stats()["packets_in"] for line in lines)


def _figures(
    window: dict[str, Any], idle: float, one: dict[str, Any], kind: Kind, n: int
) -> dict[str, Any]:
    before, after = window["before"], window["after"]
    seconds = after["at"] - before["at"]
    theirs = (before["media"], after["media"])
    threads = {
        name: round(100 * (cpu - before["threads"].get(name, 0.0)) / seconds / n, 4)
        for name, cpu in after["threads"].items()
    }
    generator_late = percentile(window["generator"], 90) or 0.0
    sent = theirs[1]["packets_out"] - theirs[0]["packets_out"] if theirs[1] else None
    speaks = kind.speaks
    further = (after["rss"] - one["rss"]) / 1e6 / (n - 1) if n > 1 else None
    cpu = (after["cpu"] - before["cpu"]) / seconds
    return {
        "cpu_percent_per_call": round(100 * (cpu - idle) / n, 4),
        "cpu_percent": round(100 * cpu, 2),
        "idle_cpu_percent": round(100 * idle, 3),
        "threads_percent_per_call": threads,
        "workers_cpu_percent": round(
            100 * (after["children_cpu"] - before["children_cpu"]) / seconds, 2
        ),
        "rss_mb": round(after["rss"] / 1e6, 1),
        "rss_mb_with_one": round(one["rss"] / 1e6, 1),
        "rss_mb_per_further_call": None if further is None else round(further, 3),
        "lateness_p50_ms": after["media"].get("lateness_p50_ms") if speaks else None,
        "lateness_p99_ms": after["media"].get("lateness_p99_ms") if speaks else None,
        "inbox_dropped": after["media"].get("inbox_dropped"),
        "generator_lateness_p99_ms": generator_late,
        "received": round(window["taken"] / sent, 5) if sent and speaks else None,
        "audio": round(window["frames"] / (n * seconds * 50), 4) if speaks else None,
        "load": window["load"],
        "valid": generator_late <= LATE_MS,
    }  # fmt: skip


async def run(asked: argparse.Namespace) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tape = _core.encode_opus(conversation(folder, 0.7).tobytes())
        save(folder / "agent.wav", conversation(folder, 0.1))
        runs = [(Kind(mode), n) for mode in asked.mode for n in asked.n]
        runs += [(kind, n) for kind in peers(asked.peer) for n in asked.peer_n]
        found: list[dict[str, Any]] = []
        for kind, n in runs:
            for attempt in range(asked.tries):
                say(f"{kind.mode}, {n} calls" + (f", try {attempt + 1}" if attempt else ""))
                try:
                    result = await measure(kind, n, asked, tape, folder)
                except (RuntimeError, TimeoutError) as error:
                    say(f"{type(error).__name__}: {error}")
                    result = {"mode": kind.mode, "n": n, "error": str(error), "valid": False}
                found.append(result | {"try": attempt + 1})
                if result["valid"]:
                    break
        return found


def peers(names: Sequence[str]) -> list[Kind]:
    """The others that are to be measured, and can be."""
    kinds: list[Kind] = []
    if "aiortc" in names:
        kinds.append(Kind("aiortc echo", "bench.aiortc_echo"))
    if "pion" in names:
        try:
            command = pion_echo.build()
        except pion_echo.NoGo as reason:
            say(str(reason))
        else:
            kinds.append(Kind("pion echo", "pion", command))
            kinds.append(Kind("pion listening", "pion", [*command, "-listen"]))
    return kinds


def ratios(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many times the CPU of our calls (their medians) each run of a peer takes."""
    valid = [run for run in found if run["valid"]]

    def median(mode: str) -> float | None:
        return percentile([run["cpu_percent_per_call"] for run in valid if run["mode"] == mode], 50)

    ours = {mode: median(mode) for mode in OURS}
    return [
        {"peer": run["mode"], "n": run["n"]}
        | {mode: round(run["cpu_percent_per_call"] / cpu, 2) for mode, cpu in ours.items() if cpu}
        for run in valid if run["mode"] not in OURS
    ]  # fmt: skip


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--n", type=int, nargs="+", default=[1, 10, 50, 100, 150])
    parser.add_argument("--mode", nargs="+", default=OURS, choices=OURS)
    parser.add_argument("--seconds", type=float, default=10.0, help="the measuring window")
    parser.add_argument("--idle", type=float, default=3.0, help="for the idle baseline")
    parser.add_argument(
        "--server-cores", type=int, default=0, metavar="N",
        help="the server has the last N cores and the callers the others; 0: both have all",
    )  # fmt: skip
    parser.add_argument("--record", action="store_true", help="the server records every call")
    parser.add_argument("--tries", type=int, default=2, help="for a run that is not valid")
    parser.add_argument(
        "--peer", nargs="+", default=[], choices=["aiortc", "pion"], help="also measure, afterwards"
    )
    parser.add_argument("--peer-n", type=int, nargs="+", default=[5, 10])
    asked = parser.parse_args()
    report = Report("calls", asked)
    cores = sorted(os.sched_getaffinity(0))
    if not 0 <= asked.server_cores < len(cores):
        parser.error(f"--server-cores is 0 to {len(cores) - 1} on this machine")
    ours = len(cores) - asked.server_cores
    asked.theirs = cores[ours:]
    os.sched_setaffinity(0, cores[:ours])
    found = asyncio.run(run(asked))
    compared = ratios(found)
    report.write(METHOD, GOALS, {"runs": found, "peer_cpu_ratio": compared})
    head = ("mode", "calls", "CPU %/call", "MB/call", "late p50", "late p99", "audio",
            "generator p99", "encoder", "load", "valid")  # fmt: skip
    keys = ("mode", "n", "cpu_percent_per_call", "rss_mb_per_further_call", "lateness_p50_ms",
            "lateness_p99_ms", "audio", "generator_lateness_p99_ms", "encoder_alone_percent",
            "load", "valid")  # fmt: skip
    table("calls", head, [[run.get(key) for key in keys] for run in found])
    if compared:
        rows = [[one["peer"], one["n"], *(one.get(mode) for mode in OURS)] for one in compared]
        table("CPU of a peer's call, by that of ours", ("peer", "calls", *OURS), rows)


if __name__ == "__main__":
    main()
