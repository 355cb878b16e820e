"""Two servers, NATS between them, a call to one of them, which is killed in mid-sentence.

Prints what the caller hears, when. Needs what `make test` installs.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from talkover.cli.caller import Caller, CallError, Event

ROOT = Path(__file__).resolve().parents[1]
QUESTION = "Tell me a story"
HEARD = 25
"""Words of it, before the server is killed."""
AFTER = 12


class Served:
    """`talkover serve`, the embedded demo, or another program that says when it is ready."""

    def __init__(self, folder: Path, name: str) -> None:
        self._log = folder / f"{name}.log"
        self.url = ""

    async def start(self, *command: str, ready: str) -> None:
        with self._log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command, stdout=log, stderr=log,
                env=os.environ | {"PYTHONPATH": str(ROOT / "python")},
            )  # fmt: skip
        async with asyncio.timeout(30):
            # Only its log says it, and a log cannot be awaited.
            while not (found := re.search(ready, self._log.read_text())):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        self.url = found[1]

    async def end(self, number: signal.Signals) -> None:
        if self.process.returncode is None:
            self.process.send_signal(number)
            await self.process.wait()


class Telling:
    """Prints words as they sound, and how long after the kill the first one came."""

    def __init__(self) -> None:
        self.words = 0
        self.killed: float | None = None

    def take(self, _: float, event: Event) -> None:
        if event["type"] != "talkover.word":
            return
        if self.killed is not None:
            silent = time.monotonic() - self.killed
            print(f"\n  … {silent:.1f} s later, on the other server:\n    ", end="")
            self.killed = None
        self.words += 1
        print(event["text"], end=" ", flush=True)


async def back(url: str, token: str, telling: Telling) -> Caller:
    """A caller who was cut off tries until it is answered."""
    while True:
        call = Caller(url, token=token, on_event=telling.take)
        try:
            await call.dial()
            return call
        except CallError:
            await asyncio.sleep(0.1)


async def show(folder: Path) -> None:
    nats, a, b = (Served(folder, name) for name in ("nats", "a", "b"))
    serve = (sys.executable, "-c", "from talkover.cli.main import main; main()", "serve")
    ports = ("--port", "0", "--media-port", "0")
    try:
        engine = str(Path(sys.executable).with_name("nats-server"))
        here = ("--addr", "127.0.0.1", "--port", "-1", "--jetstream", "--store_dir", str(folder))
        await nats.start(engine, *here, ready=r"(127\.0\.0\.1:\d+)[\s\S]*ready")
        for one in (a, b):
            address = ("--nats", f"nats://{nats.url}")
            await one.start(*serve, *ports, *address, ready=r"listens at (\S+)")
        print(f"Two servers, {a.url} and {b.url}. A call to the first: “{QUESTION}”\n    ", end="")
        telling = Telling()
        call = Caller(a.url, on_event=telling.take)
        await call.dial()
        call.type(QUESTION)
        await call.until(lambda: telling.words >= HEARD)
        await a.end(signal.SIGKILL)
        telling.killed = time.monotonic()
        print("\n  ✗ the server is killed (SIGKILL)", end="", flush=True)
        call.vanish()
        again = await back(b.url, call.back, telling)
        words = telling.words
        await again.until(lambda: telling.words >= words + AFTER)
        await again.hang_up()
        print("\nThe same conversation, with all that was said in it.")
    finally:
        for one, number in ((a, signal.SIGKILL), (b, signal.SIGINT), (nats, signal.SIGTERM)):
            await one.end(number)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(show(Path(made)))
