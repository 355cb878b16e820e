"""`talkover bench transports`: every transport over every network, one conversation at a time."""

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
from .child import Child, Kind
from .clip import Clip, spoken
from .conversation import TRANSPORTS, Conversation
from .engines import EAR_RATE, QUESTION, loud_seconds
from .networks import LATENCIES, NETWORKS

QUICK = ("loopback", "4g", "train")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured. `check` refuses names that are not known."""

    transports: Sequence[str] = tuple(TRANSPORTS)
    networks: Sequence[str] = tuple(NETWORKS)
    latencies: Sequence[str] = tuple(LATENCIES)
    questions: int = 4
    interruptions: int = 3
    seed: int = 1

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
    """All conversations, one after the other; `say` is told of each as it begins. InputError."""
    plan.check()
    began, before = datetime.now(UTC), _load()
    clip = await spoken(QUESTION)
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for latency in plan.latencies:
            for kind in ("rest", "talkover"):
                names = [name for name in plan.transports if TRANSPORTS[name].server == kind]
                if names:
                    runs += await _with(kind, names, latency, plan, clip, Path(folder), say)
    return {
        "talkover": __version__, "began": began.isoformat(timespec="seconds"),
        "plan": asdict(plan), "machine": _machine(before), "runs": runs,
        "summary": summary.rows(runs),
    }  # fmt: skip


async def _with(
    kind: Kind, names: Sequence[str], latency: str, plan: Plan, clip: Clip, folder: Path, say: Say
) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    loud_s = loud_seconds(clip.at(EAR_RATE))
    async with Child(kind, folder, latency, loud_s) as server:
        for network in plan.networks:
            for name in names:
                say(f"{TRANSPORTS[name].title}, {network}, engines: {latency}")
                one = Conversation(
                    TRANSPORTS[name], server, NETWORKS[network], clip, seed=plan.seed,
                    questions=plan.questions, interruptions=plan.interruptions,
                )  # fmt: skip
                runs.append({"latency": latency, "load": _load()} | await one.run())
    return runs


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
