"""What a process has used so far, read by itself: CPU by thread, memory, its children."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def account() -> dict[str, Any]:
    """CPU in seconds, memory in bytes."""
    return {
        "at": time.monotonic(),
        "cpu": time.process_time(),
        "threads": _threads(),
        "children_cpu": _children_cpu(),
        "rss": int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE,
    }


def _threads() -> dict[str, float]:
    found: dict[str, float] = {}
    for task in Path("/proc/self/task").iterdir():
        name = (task / "comm").read_text().strip()
        nanoseconds = int((task / "schedstat").read_text().split()[0])
        found[name] = found.get(name, 0.0) + nanoseconds / 1e9
    return found


def _children_cpu() -> float:
    total = 0.0
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            total += (int(fields[11]) + int(fields[12])) / _TICK
    return total
