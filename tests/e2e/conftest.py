"""Calls in real time: what a busy machine starved is tried again, from the start."""

from __future__ import annotations

import pytest

RERUNS = 2
"""A call that gets no processor for a second fails whatever the code does. A rerun is a whole new
call, so that a wrong behaviour fails all the same; pytest counts each ("2 rerun") at its end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.flaky(reruns=RERUNS))
