"""A measured process, seen from the benchmark: start it, ask it, end it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .report import ROOT

START_S = 60.0
LOOK_S = 0.1


class Child:
    """`async with Child("bench.server") as server:`; its log is kept in the folder `logs`.

    `command`: what is run where it is no module of ours. `cores`: the only ones it has; all of
    ours where none is named.
    """

    def __init__(
        self, module: str, logs: Path, *, command: Sequence[str] = (), cores: Sequence[int] = (),
        **environment: str,
    ) -> None:  # fmt: skip
        self._module, self._logs, self._environment = module, logs, environment
        self._command = command or (sys.executable, "-m", module)
        self._cores = cores
        self.url = ""

    async def __aenter__(self) -> Self:
        given = os.environ.get("PYTHONPATH", "")
        paths = os.pathsep.join((str(ROOT / "python"), str(ROOT), given)).rstrip(os.pathsep)
        self._log = self._logs / f"{self._module}.log"
        ours = os.sched_getaffinity(0)
        with self._log.open("wb") as log:
            # A child has the cores of whoever starts it.
            os.sched_setaffinity(0, self._cores or ours)
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command, cwd=ROOT,
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
                    env=os.environ | {"PYTHONPATH": paths} | self._environment,
                )  # fmt: skip
            finally:
                os.sched_setaffinity(0, ours)
        self.url = await self._said()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 15)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def account(self, *, reset: bool = False) -> dict[str, Any]:
        """What it used so far; `reset` makes it forget the lateness of frames after telling it."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"reset\n" if reset else b"\n")
        return await self._read()

    async def _said(self) -> str:
        """Where it listens; a log cannot be awaited, only looked at."""
        for _ in range(round(START_S / LOOK_S)):
            found = re.search(r"listens at (\S+)", self._log.read_text())
            if found:
                return found[1]
            if self._process.returncode is not None:
                break
            await asyncio.sleep(LOOK_S)
        raise RuntimeError(f"{self._module} did not start:\n{self._log.read_text()[-3000:]}")

    async def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), START_S)
        if not line:
            raise RuntimeError(f"{self._module} ended:\n{self._log.read_text()[-3000:]}")
        return json.loads(line)
