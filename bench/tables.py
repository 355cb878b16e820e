"""What many calls come to: one row a kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from .case import Part
from .report import spread, table
from .speech import HUMAN

_SUMS = ("words", "lost", "twice", "nearly_twice", "word_events_twice", "turns", "cancels", "holds")
_NOT_COUNTED = ("part", "kind", "voice", "load", "said", "timings", "why")


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Each kind's figures: spreads of what is in ms, counts of what is true."""
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        kinds[f"{run['part']}: {run['kind']}"].append(run)
        if run["voice"] == HUMAN:
            kinds[f"{run['part']}: {run['kind']}, human only"].append(run)
    found: dict[str, Any] = {}
    for kind, group in kinds.items():
        figures: dict[str, Any] = {"calls": len(group)}
        for name in group[0]:
            values = [run[name] for run in group if run[name] is not None]
            if name.endswith("_ms"):
                figures[name] = spread(values)
            elif name.endswith("_share"):
                figures[name] = spread(values, 3)
            elif name in _SUMS:
                figures[name] = sum(values)
            elif name not in _NOT_COUNTED:
                figures[name] = sum(map(bool, values))
        found[kind] = figures
    return found


def print_summary(found: dict[str, Any], parts: Mapping[str, Part]) -> None:
    """One table a part."""
    for name, part in parts.items():
        rows: list[list[Any]] = []
        for kind, figures in found.items():
            if not kind.startswith(name + ":"):
                continue
            row: list[Any] = [kind.partition(": ")[2], figures["calls"]]
            for column in part.columns:
                value = figures[column]
                if column.endswith("_ms"):
                    row += [value["n"], value["p50"], value["p95"]]
                else:
                    row.append(value)
            rows.append(row)
        if rows:
            head = ["kind", "calls"]
            for column in part.columns:
                short = column.removesuffix("_ms").replace("_", " ")
                head += [f"{short} n", "p50", "p95"] if column.endswith("_ms") else [short]
            table(name, head, rows)


def print_rows(title: str, rows: Mapping[str, dict[str, Any]]) -> None:
    """A table of figures by name."""
    if rows:
        head = ["", *(name.replace("_", " ") for name in next(iter(rows.values())))]
        table(title, head, [[name, *row.values()] for name, row in rows.items()])
