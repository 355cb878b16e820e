"""Percentiles of many calls."""

from __future__ import annotations

import pytest

from talkover.cli.many import percentile, summary


@pytest.mark.parametrize(
    ("values", "percent", "wanted"),
    [
        ([5.0], 50, 5.0),
        ([1.0, 2.0], 50, 1.0),
        ([float(n) for n in range(1, 101)], 95, 95.0),
        ([float(n) for n in range(100, 0, -1)], 50, 50.0),
        ([float(n) for n in range(1, 101)], 100, 100.0),
    ],
)
def test_the_nearest_rank(values: list[float], percent: float, wanted: float):
    assert percentile(values, percent) == wanted


def test_a_summary_says_how_many_it_is_of():
    assert summary("connected", []) == "connected       none"
    assert summary("connected", [10.0, 20.0]).split() == [
        "connected", "2", "of", "p50", "10", "p95", "20", "p99", "20", "ms",
    ]  # fmt: skip
