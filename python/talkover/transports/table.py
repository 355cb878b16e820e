"""The figures as a table for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Row = dict[str, Any]
HEAD = {
    "transport": "transport", "answer_ms": "answer", "answer_p95_ms": "p95", "long_ms": "long",
    "mouth_ms": "to ear", "mouth_p95_ms": "p95", "missing": "lost %", "silent_ms": "silent",
    "unheard_ms": "unheard", "history_words": "history", "recovery_ms": "recovery",
    "kilobytes": "kB", "connect_ms": "connect", "cpu": "cpu/min",
}  # fmt: skip


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """Network by network; times in ms, kB and history (words) a turn. "-": not heard, or none."""
    groups = dict.fromkeys((row["latency"], row["network"]) for row in rows)
    widths = [14, *(max(7, len(title)) for title in list(HEAD.values())[1:])]
    for latency, network in groups:
        yield ""
        yield f"{network}, engines: {latency}"
        yield _line(list(HEAD.values()), widths)
        for row in rows:
            if (row["latency"], row["network"]) != (latency, network):
                continue
            if "failed" in row:
                yield f"{row['transport']:14} failed: {row['failed']}"
            else:
                yield _line([shown(row[key]) for key in HEAD], widths)


def shown(value: float | str | None) -> str:
    """A figure as short as it may be."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if abs(value) >= 10 or value == round(value) else f"{value:.1f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = [
        cell.ljust(width) if n == 0 else cell.rjust(width)
        for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return " ".join([first, *rest]).rstrip()
