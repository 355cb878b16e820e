"""For every test: whatever is encoded is what the protocol's own types take."""

from __future__ import annotations

from wire import frames


def _refuse(wrong: str) -> None:
    raise AssertionError(wrong)


frames.install(_refuse)
