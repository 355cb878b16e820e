"""`talkover bench transports`: every transport over every network, with every kind of engines."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import InputError
from . import page, summary
from .cell import Cell
from .cells import all_of, shares, usable
from .clip import spoken
from .conversation import TRANSPORTS
from .engines import LONG, QUESTION
from .latencies import LATENCIES
from .networks import NETWORKS

QUICK = ("loopback", "4g", "train")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured. `check` refuses names that are not known."""

    transports: Sequence[str] = tuple(TRANSPORTS)
    networks: Sequence[str] = tuple(NETWORKS)
    latencies: Sequence[str] = tuple(LATENCIES)
    questions: int = 4
    interruptions: int = 3
    longs: int = 2
    seed: int = 1
    jobs: int = 1

    def cells(self, folder: str) -> list[Cell]:
        """One for each transport, network and engines, in the order of the report."""
        cells = (
            Cell(
                transport, network, latency, folder,
                self.questions, self.interruptions, self.longs, self.seed,
            )
            for latency in self.latencies
            for network in self.networks
            for transport in self.transports
        )  # fmt: skip
        return list(dict.fromkeys(cells))

    def check(self) -> None:
        """InputError names what there is instead."""
        for kind, asked, known in (
            ("transport", self.transports, TRANSPORTS),
            ("network", self.networks, NETWORKS),
            ("engines", self.latencies, LATENCIES),
        ):
            for name in asked:
                if name not in known:
                    raise InputError(f"There is no {kind} {name!r}; use {', '.join(known)}.")


Say = Callable[[str], None]


async def measure(plan: Plan, say: Say) -> dict[str, Any]:
    """All conversations; `say` is told of each as it begins. InputError, CellFailed."""
    plan.check()
    places = shares(plan.jobs, usable())
    began, before = datetime.now(UTC), _load()
    question, long = await spoken(QUESTION), await spoken(LONG)

    def said(cell: Cell) -> None:
        say(f"{TRANSPORTS[cell.transport].title}, {cell.network}, engines: {cell.latency}")

    with tempfile.TemporaryDirectory() as folder:
        for name, clip in (("question", question), ("long", long)):
            (Path(folder) / f"{name}.pcm").write_bytes(clip.pcm)
        runs = await all_of(plan.cells(folder), places, said)
    engines = {name: asdict(LATENCIES[name]) for name in plan.latencies}
    return {
        "talkover": __version__, "began": began.isoformat(timespec="seconds"),
        "plan": asdict(plan), "engines": engines, "machine": _machine(before), "runs": runs,
        "summary": summary.rows(runs),
    }  # fmt: skip


def write(found: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """The figures as JSON and as one HTML page. InputError where they cannot be written."""
    data, shown = folder / "transports.json", folder / "transports.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        data.write_text(json.dumps(found, indent=1) + "\n")
        shown.write_text(page.page(found))
    except OSError as error:
        raise InputError(f"{folder} cannot be written to: {error.strerror}.") from None
    return data, shown


def _machine(before: float | None) -> dict[str, Any]:
    return {
        "system": f"{sys.platform} {platform.machine()}", "cores": os.cpu_count(),
        "python": platform.python_version(), "load_before": before, "load_after": _load(),
    }  # fmt: skip


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None
