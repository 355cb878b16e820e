"""A server killed with all its calls, and started again: when they talk again, and what is lost."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx

from talkover.cli.caller import Caller, CallError

from .report import ROOT, Report, arguments, say, spread, table

GOALS = {"talking_again_ms_p95": 3000, "items_lost": 0, "items_doubled": 0}
METHOD = (
    "`--n` callers over WebRTC in one process, each in a numbered dialogue in writing: the answer "
    "says how many things the caller has said, so it proves the history. The server (an agent that "
    "answers at once, the embedded voice) is killed (SIGKILL) at a random moment of everybody's "
    "third answer, and started again on the same log. Callers try to come back from the kill on, "
    "about every 150 ms. Talking again: from the first moment at which the new process says that "
    "it is ready, and from the kill, until the first sound of an answer that counts right. Lost "
    "and doubled: items that the caller had been told were done, against those that it is told "
    "upon return."
)
AGENT = """
from talkover import Agent

agent = Agent()


@agent.reply
async def reply(turn):
    said = [message["content"] for message in turn.messages if message["role"] == "user"]
    things = sum(content.count("thing") for content in said)
    yield f"You have said {things} things, and I remember every one of them."
"""
BEFORE = 3
SPEAKING_S = 2.5
AGAIN_S = 0.15
LOOK_S = 0.01
PATIENCE_S = 60.0


class Served:
    """`talkover serve` on ports that stay the same, one process after the other.

    `kept`: the flags that say where sessions are; left out, a file of its own.
    """

    def __init__(self, folder: Path, *kept: str) -> None:
        (folder / "agent.py").write_text(AGENT)
        self._folder, self._ports = folder, ("0", "0")
        self._kept = kept or ("--state", str(folder / "sessions.db"))
        self._log = folder / "serve.log"
        self.url = ""

    async def start(self) -> float:
        """Until it says that it is ready; when that was, on the machine's clock."""
        command = (
            "from talkover.cli.main import main; main()", "serve", str(self._folder / "agent.py"),
            "--port", self._ports[0], "--media-port", self._ports[1],
            *self._kept,
        )  # fmt: skip
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", *command, stdout=log, stderr=log, cwd=self._folder,
                env=os.environ | {"PYTHONPATH": str(ROOT / "python")},
            )  # fmt: skip
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient() as client:
            # Only its log says it, and a log cannot be awaited.
            while not (found := re.search(r"listens at (\S+)", self._log.read_text())):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
            ready = time.monotonic()
            self.url = found[1]
            media = (await client.get(f"{self.url}/console.json")).json()["media_port"]
        self._ports = (self.url.rsplit(":", 1)[1], str(media))
        return ready

    @property
    def pid(self) -> int:
        return self._process.pid

    async def end(self, number: signal.Signals) -> None:
        self._process.send_signal(number)
        await self._process.wait()


@dataclass(slots=True)
class Outcome:
    """Of one caller. `again`: when it was answered again, on the machine's clock."""

    again: float
    lost: int
    doubled: int
    session: str


async def counted(call: Caller, n: int) -> None:
    """Until an answer that counts `n` things begins to sound."""
    told = f"You have said {n} things"
    await call.until(lambda: any(told in said for said in texts(call)), PATIENCE_S)


def texts(call: Caller) -> list[str]:
    """What has begun to sound of each answer, by its words so far."""
    audible = {event["response_id"] for event in call.of("output_audio_buffer.started")}
    said: dict[str, str] = {}
    for event in call.of("response.output_audio_transcript.delta"):
        if event["response_id"] in audible:
            said[event["response_id"]] = said.get(event["response_id"], "") + event["delta"]
    return list(said.values())


def items(call: Caller) -> list[dict[str, Any]]:
    return [event["item"] for event in call.of("conversation.item.done")]


def done(call: Caller) -> list[str]:
    return [item["id"] for item in items(call)]


async def held(
    server: Served, begun: asyncio.Semaphore, killed: asyncio.Event,
    others: Sequence[Served] = (), stray: str = "",
) -> Outcome:  # fmt: skip
    """A dialogue, cut off by the kill, and gone on with; at one of the others, where there are.

    `stray` is said to the first server once it is cut off.
    """
    call = Caller(server.url)
    await call.dial()
    for n in range(1, BEFORE):
        call.type(f"This is thing {n}.")
        await counted(call, n)
        await call.wait_for("response.done", n)
    call.type(f"This is thing {BEFORE}.")
    await counted(call, BEFORE)
    begun.release()
    await killed.wait()
    before = done(call)
    if stray:
        call.type(stray)
        await call.until(lambda: any(stray in json.dumps(item) for item in items(call)), PATIENCE_S)
    call.vanish()
    while True:
        back = Caller(random.choice(others or (server,)).url, token=call.back)
        try:
            await back.dial()
            break
        except CallError:
            await asyncio.sleep(AGAIN_S * (0.5 + random.random()))
    # The answer that was cut off is owed, and counts all that was said.
    await counted(back, BEFORE)
    again, told = time.monotonic(), done(back)
    await back.hang_up()
    session = call.of("session.created")[0]["session"]["id"]
    return Outcome(again, len(set(before) - set(told)), len(told) - len(set(told)), session)


async def kill(server: Served, n: int) -> tuple[dict[str, Any], list[Outcome]]:
    begun, killed = asyncio.Semaphore(0), asyncio.Event()
    callers = [asyncio.create_task(held(server, begun, killed)) for _ in range(n)]
    for _ in range(n):
        await begun.acquire()
    # Each is somewhere in its third answer.
    await asyncio.sleep(random.random() * SPEAKING_S)
    await server.end(signal.SIGKILL)
    fell = time.monotonic()
    killed.set()
    ready = await server.start()
    outcomes = await asyncio.gather(*callers)
    return {
        "restart_ms": round((ready - fell) * 1000),
        "from_ready_ms": [round((one.again - ready) * 1000) for one in outcomes],
        "from_kill_ms": [round((one.again - fell) * 1000) for one in outcomes],
    }, outcomes


async def measure(options: argparse.Namespace) -> None:
    report = Report("resume", options)
    random.seed(options.seed)
    kills: list[dict[str, Any]] = []
    lost = doubled = 0
    with tempfile.TemporaryDirectory() as folder:
        server = Served(Path(folder))
        await server.start()
        for n in range(options.kills):
            found, outcomes = await kill(server, options.n)
            kills.append(found)
            lost += sum(one.lost for one in outcomes)
            doubled += sum(one.doubled for one in outcomes)
            say(f"kill {n + 1}: restarted in {found['restart_ms']} ms")
        await server.end(signal.SIGINT)
    ready = spread([ms for one in kills for ms in one["from_ready_ms"]])
    whole = spread([ms for one in kills for ms in one["from_kill_ms"]])
    results = {
        "talking_again_from_ready_ms": ready, "talking_again_from_kill_ms": whole,
        "restart_ms": spread([one["restart_ms"] for one in kills]),
        "items_lost": lost, "items_doubled": doubled,
    }  # fmt: skip
    file = report.write(METHOD, GOALS, results)
    head = ("", "n", "p50", "p95", "max")
    rows = [
        (name, *(one[key] for key in ("n", "p50", "p95", "max")))
        for name, one in (("from ready, ms", ready), ("from the kill, ms", whole))
    ]
    table(f"{options.n} callers, {options.kills} kills: talking again", head, rows)
    print(f"  items lost {lost}, doubled {doubled}; {file}")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--n", type=int, default=20, help="callers at a time")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
