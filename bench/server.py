"""The measured process: Talkover as `talkover serve` runs it, answering for itself on a pipe.

Each line on standard input is answered by one line of JSON with what the process used so far; the
line "reset" also forgets the lateness of frames; the end of the input ends the process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import engines
from bench.accounts import account
from bench.agents import AGENTS
from talkover.cli import serve as serving
from talkover.config import Settings
from talkover.media.port import MediaPort
from talkover.session import lobby
from talkover.session.capacity import Capacity, Look


class Unlearning(Capacity):
    """Takes as many as it is told to, so that what is too much can be measured as well."""

    def __init__(self, most: int) -> None:
        super().__init__(most, start=most)

    def learn(self, look: Look, now: float) -> None:
        pass


async def main() -> None:
    ports: list[MediaPort] = []

    class Port(MediaPort):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            ports.append(self)

    # A server knows engines by name and keeps its media to itself: these two names are where the
    # engines of the benchmarks get in and the counters out. All else is as it is served.
    lobby.build = engines.build
    if "BENCH_ADMISSION" not in os.environ:
        lobby.Capacity = Unlearning
    serving.MediaPort = Port
    answering = asyncio.create_task(
        answer(
            lambda: {"media": ports[0].core.stats()} | account(),
            lambda: ports[0].core.reset_lateness(),
        )
    )
    record = os.environ.get("BENCH_RECORD")
    with tempfile.TemporaryDirectory() as folder:
        # As it is served, but no run is to take up the calls of another.
        state = str(Path(folder) / "sessions.db")
        settings = Settings(
            port=0, media_port=0, record=record, state=state, most_calls=2000, drain_seconds=0
        )
        await serving.serve(settings, AGENTS)
    answering.cancel()


async def answer(stats: Callable[[], dict[str, Any]], reset: Callable[[], None]) -> None:
    """Serve the pipe until it is closed, then end the process as a signal would."""
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What the server prints belongs to its log.
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        found = stats()
        if line == b"reset\n":
            reset()
        print(json.dumps(found), file=pipe, flush=True)
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    asyncio.run(main())
