"""An example of ours, built as its README says, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples/backends"
INSTALLED = ROOT / ".cache/backends"
"""What scripts/test-tools.sh installed by the examples' lockfiles."""
KEY = "k-operator"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BUILD_S = 240
START_S = 60

AGENT = """
from talkover import Agent, Turn

agent = Agent("You are a shop.")

@agent.reply
async def reply(turn: Turn):
    told = [m["content"] for m in turn.messages if m["role"] == "system"]
    orders = [text for text in told if text.startswith("Order 47")]
    wished = [text for text in told if text.startswith("Say exactly this")]
    if wished:
        yield wished[-1].partition("nothing else: ")[2]
    else:
        yield orders[-1] if orders else f"Let me see, {turn.session.user}."
"""
"""Knows of an order only what a backend put into the conversation."""


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """What it printed; AssertionError with all of it where it failed."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=BUILD_S,
        env={**os.environ, "NEXT_TELEMETRY_DISABLED": "1", **variables},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def packed(folder: Path) -> Path:
    """The package of js/, as npm would publish it."""
    run("npm", "pack", "--silent", "--pack-destination", folder, cwd=ROOT / "js")
    (tarball,) = folder.glob("*.tgz")
    return tarball


def laid_out(name: str, package: Path) -> Path:
    """An example beside its installed dependencies, of which the package is today's."""
    folder = INSTALLED / name
    assert (folder / "node_modules").is_dir(), "scripts/test-tools.sh installs what is needed"
    for source in (EXAMPLES / name).iterdir():
        if source.name in ("node_modules", "dist", ".next"):
            continue
        if source.is_dir():
            shutil.rmtree(folder / source.name, ignore_errors=True)
            shutil.copytree(source, folder / source.name)
        else:
            shutil.copy(source, folder)
    ours = folder / "node_modules/talkover"
    shutil.rmtree(ours, ignore_errors=True)
    ours.mkdir()
    run("tar", "-xzf", package, "-C", ours, "--strip-components", "1", cwd=folder)
    return folder


class Program:
    """Runs until it is stopped; `url` is where it said that it listens."""

    def __init__(self, *command: str | Path, cwd: Path, log: Path, **variables: str) -> None:
        self.file = log
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [str(word) for word in command], cwd=cwd, stdout=out, stderr=subprocess.STDOUT,
                env={**os.environ, "NEXT_TELEMETRY_DISABLED": "1", **variables},
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self.file.read_text()

    def said(self, pattern: str) -> re.Match[str]:
        """The first time that it printed this."""
        end = time.monotonic() + START_S
        while not (found := re.search(pattern, self.log)):
            assert self.process.poll() is None and time.monotonic() < end, self.log
            time.sleep(0.05)
        return found

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class Line:
    """A TCP line to a server of ours, which can be cut, and lead to another one from then on; only
    for HTTP and WebSockets."""

    def __init__(self, to: str) -> None:
        self.to = to
        self._ends: set[asyncio.StreamWriter] = set()
        self.url = ""

    @contextlib.asynccontextmanager
    async def __call__(self) -> AsyncGenerator[Line]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self
            self.cut()

    def cut(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far, back = await asyncio.open_connection("127.0.0.1", urlsplit(self.to).port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, back}
        self._ends |= ends
        with contextlib.suppress(OSError):
            await asyncio.gather(_copy(reader, back), _copy(far, writer))
        self._ends -= ends


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
