"""What every benchmark says of itself: parameters, versions, load; JSON in out/ and a table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with what all benchmarks take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="folder for the JSON")
    return parser


class Report:
    """Made before the measuring begins, written when it is over."""

    def __init__(self, name: str, parameters: argparse.Namespace) -> None:
        self._name = name
        self._folder: Path = parameters.out
        self._parameters = {k: v for k, v in vars(parameters).items() if k != "out"}
        self._began = time.time()
        self._load = os.getloadavg()

    def write(self, method: str, goals: dict[str, Any], results: dict[str, Any]) -> Path:
        """Put the JSON into its file and return that."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{self._name}.json"
        found = {
            "benchmark": self._name,
            "parameters": self._parameters,
            "method": method,
            "machine": {
                "cpu": _cpu(), "cores": os.cpu_count(), "kernel": platform.release(),
                "load_before": self._load, "load_after": os.getloadavg(),
            },
            "versions": _versions(),
            "seconds": round(time.time() - self._began, 1),
            "goals": goals,
            "results": results,
        }  # fmt: skip
        file.write_text(json.dumps(found, indent=1) + "\n")
        return file


def percentile(values: Sequence[float], percent: float) -> float | None:
    """By the nearest rank; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def percent(part: int, whole: int) -> float | None:
    """None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def spread(values: Sequence[float], digits: int = 0) -> dict[str, Any]:
    """Count, p50, p95, least and most."""

    def cut(value: float | None) -> float | None:
        return None if value is None else round(value, digits)

    return {
        "n": len(values), "p50": cut(percentile(values, 50)), "p95": cut(percentile(values, 95)),
        "min": cut(min(values, default=None)), "max": cut(max(values, default=None)),
    }  # fmt: skip


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under a head, columns aligned; None is a dash."""
    cells = [[_cell(value) for value in row] for row in [head, *rows]]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
    print(f"\n{title}")
    for row in cells:
        first, *rest = (
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join([first, *rest]).rstrip(), flush=True)


def say(text: str) -> None:
    """Progress, beside the results."""
    print(f"· {text}", file=sys.stderr, flush=True)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.0f}"
    return str(value)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions() -> dict[str, str]:
    from talkover import __version__

    found = {"talkover": __version__, "python": platform.python_version()}
    for name in ("starlette", "uvicorn", "pocketsphinx", "espeakng-loader", "aiortc"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    try:
        git = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
        )
    except FileNotFoundError:
        return found
    return found | ({"commit": git.stdout.strip()} if git.returncode == 0 else {})
