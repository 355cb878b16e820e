"""One cell of the table in a process of its own: `python -m talkover.transports.cell WHAT`.

WHAT is a `Cell` as JSON. What came of it goes to standard output, as JSON too.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from .child import Child
from .client import cancelled
from .clip import Clip
from .conversation import TRANSPORTS, Conversation, Script
from .engines import EAR_RATE, loud_seconds
from .networks import NETWORKS

TICK_S = 0.02


@dataclass(frozen=True, slots=True)
class Cell:
    """One conversation: by what, over what, with what. `folder` has the caller's voice as
    `question.pcm` and `long.pcm`, and takes the server's files; `cores` are the only ones that may
    be used (none: all)."""

    transport: str
    network: str
    latency: str
    folder: str
    questions: int
    interruptions: int
    longs: int
    seed: int
    cores: Sequence[int] = ()

    def shown(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        return cls(**json.loads(text))


async def run(cell: Cell, script: Script, folder: Path) -> dict[str, Any]:
    """The conversation's figures, and how punctual this process was meanwhile."""
    transport = TRANSPORTS[cell.transport]
    lateness: list[float] = []
    short, long = (loud_seconds(clip.at(EAR_RATE)) for clip in (script.question, script.long))
    loud_s = (short, long)
    async with Child(transport.server, folder, cell.latency, cell.seed, loud_s) as server:
        watching = asyncio.create_task(_watch(lateness))
        try:
            network = NETWORKS[cell.network]
            talk = Conversation(transport, server, network, script, seed=cell.seed)
            found = await talk.run()
        finally:
            await cancelled(watching)
    return {"latency": cell.latency, "late_ms": _most(lateness)} | found


async def _watch(lateness: list[float]) -> None:
    """How late the loop is, on which the network and the client run, each `TICK_S`."""
    while True:
        due = time.monotonic() + TICK_S
        await asyncio.sleep(TICK_S)
        lateness.append(time.monotonic() - due)


def _most(lateness: Sequence[float]) -> float:
    """The 99th percentile, ms."""
    place = math.ceil(0.99 * len(lateness)) - 1
    return round(sorted(lateness)[place] * 1000, 1) if lateness else 0.0


def main() -> None:
    cell = Cell.read(sys.argv[1])
    if cell.cores:
        os.sched_setaffinity(0, cell.cores)
    above = Path(cell.folder)
    folder = above / f"{cell.transport}-{cell.network}-{cell.latency}"
    folder.mkdir()
    question, long = (Clip((above / f"{name}.pcm").read_bytes()) for name in ("question", "long"))
    script = Script(question, long, cell.questions, cell.interruptions, cell.longs)
    print(json.dumps(asyncio.run(run(cell, script, folder))))


if __name__ == "__main__":
    main()
