"""Identifiers as the Realtime protocol has them: a prefix and unguessable randomness."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

_hex: ContextVar[Callable[[int], str]] = ContextVar("hex", default=secrets.token_hex)


def fresh(prefix: str) -> str:
    """Such as `item_2f8c…`: 96 random bits."""
    return f"{prefix}_{_hex.get()(12)}"


@contextmanager
def seeded(seed: int) -> Generator[None]:
    """Within it ids follow from `seed`, so that tests can compare whole conversations."""
    source = random.Random(seed)
    token = _hex.set(lambda size: source.randbytes(size).hex())
    try:
        yield
    finally:
        _hex.reset(token)
