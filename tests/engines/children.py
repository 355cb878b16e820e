"""The processes that a test's own process has started."""

from __future__ import annotations

from pathlib import Path


def children(module: bytes) -> list[int]:
    """Those in whose command line `module` is."""
    listed = Path("/proc/self/task").glob("*/children")
    started = [int(child) for threads in listed for child in threads.read_text().split()]
    return [child for child in started if module in _command(child)]


def _command(process: int) -> bytes:
    """Empty where it ended meanwhile."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
