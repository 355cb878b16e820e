"""For every test: frames are checked, and calls that a busy machine starved are tried again."""

from __future__ import annotations

import pytest
from wire import frames

RERUNS = 2
"""A call that gets no processor for a second fails whatever the code does. A rerun is a whole new
call, so that a wrong behaviour fails all the same; pytest counts each ("2 rerun") at its end."""


def _refuse(wrong: str) -> None:
    raise AssertionError(wrong)


# Whatever is encoded has to be what the protocol's own types take.
frames.install(_refuse)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.flaky(reruns=RERUNS))
