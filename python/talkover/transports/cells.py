"""Several cells at once, each on cores that no other has."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InputError, TalkoverError
from .cell import Cell

CORES = 2
"""Of a cell: its client and network on one, its server on the other."""
MOST_S = 900.0
"""The longest that a cell may take."""
Run = dict[str, Any]


class CellFailed(TalkoverError):
    code = "cell_failed"


def shares(jobs: int, cores: Sequence[int]) -> list[Sequence[int]]:
    """The cores of each of `jobs` cells at once; of a single one, all. InputError: too many."""
    if jobs < 1 or (jobs > 1 and jobs * CORES > len(cores)):
        most = max(1, len(cores) // CORES)
        raise InputError(
            f"--jobs {jobs}: each cell takes {CORES} cores and there are {len(cores)}; "
            f"use 1 to {most}."
        )
    each = len(cores) // jobs
    return [()] if jobs == 1 else [cores[n * each : (n + 1) * each] for n in range(jobs)]


def usable() -> Sequence[int]:
    """The cores that this process may use; where the system does not tell which, their number."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 1)


async def all_of(
    cells: Sequence[Cell], places: Sequence[Sequence[int]], say: Callable[[Cell], None]
) -> list[Run]:
    """What came of each, in their order; `say` is told of one as it begins. CellFailed."""
    # From the end, where a plan has what takes longest: no place then waits for one late cell.
    waiting = list(enumerate(cells))
    found: dict[int, Run] = {}

    async def work(cores: Sequence[int]) -> None:
        while waiting:
            place, cell = waiting.pop()
            say(cell)
            found[place] = await _one(replace(cell, cores=cores))

    try:
        async with asyncio.TaskGroup() as group:
            for cores in places:
                group.create_task(work(cores))
    except* CellFailed as errors:
        raise errors.exceptions[0] from None
    return [found[place] for place in range(len(cells))]


async def _one(cell: Cell) -> Run:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "talkover.transports.cell", cell.shown(),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(MOST_S):
            out, said = await process.communicate()
    except TimeoutError:
        raise CellFailed(
            f"{cell.transport} over {cell.network} took longer than {MOST_S:g} s."
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise CellFailed(
            f"{cell.transport} over {cell.network} broke off; it said:\n{said.decode()[-2000:]}"
        )
    return json.loads(out)
