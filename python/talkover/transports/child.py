"""A measured server, seen from the benchmark: start it, look at what it uses, end it."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Literal, Self

import httpx2 as httpx

from ..errors import TalkoverError
from .ledger import Note, read

Kind = Literal["rest", "talkover"]
START_S = 60.0
LOOK_S = 0.1
END_S = 10.0


class NotStarted(TalkoverError):
    code = "server_not_started"


class Child:
    """`async with Child("rest", folder, "zero", 1, (1.8, 9.2)) as server:`; its files are in
    `folder`. `loud_s` is how many seconds of the short and of the long question are loud."""

    def __init__(
        self, kind: Kind, folder: Path, latency: str, seed: int, loud_s: tuple[float, float]
    ) -> None:
        self.kind: Kind = kind
        self._ledger = folder / "ledger.jsonl"
        self._log = folder / "server.log"
        self._latency, self._seed, self._loud_s = latency, seed, loud_s
        self.http = self.media = 0
        """Its ports."""

    async def __aenter__(self) -> Self:
        module = [sys.executable, "-m", "talkover.transports.server"]
        self._ledger.touch()
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *module, self.kind, str(self._ledger), self._latency, str(self._seed),
                *map(str, self._loud_s),
                stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log,
            )  # fmt: skip
        url = await self._said()
        self.http = httpx.URL(url).port or 80
        if self.kind == "talkover":
            async with httpx.AsyncClient() as client:
                found = await client.get(f"http://127.0.0.1:{self.http}/console.json")
            self.media = int(found.json()["media_port"])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), END_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def notes(self, since: float) -> list[Note]:
        """What its engines noted since then."""
        return [note for note in read(self._ledger) if note["at"] >= since]

    @property
    def cpu_s(self) -> float | None:
        """Processor time so far; none where the system does not tell (only Linux does)."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory_mb(self) -> float | None:
        """Resident now."""
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        except OSError:
            return None
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    async def _said(self) -> str:
        """Where it listens; a log cannot be awaited, only looked at."""
        for _ in range(round(START_S / LOOK_S)):
            found = re.search(r"listens at (\S+)", self._log.read_text())
            if found:
                return found[1]
            if self._process.returncode is not None:
                break
            await asyncio.sleep(LOOK_S)
        said = self._log.read_text()[-2000:]
        raise NotStarted(f"The {self.kind} server did not start; it said:\n{said}")
