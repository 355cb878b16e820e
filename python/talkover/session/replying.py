"""Which reply's task some code runs in: agent code may, and must not wait for that reply's end."""

from __future__ import annotations

from contextvars import ContextVar

REPLYING: ContextVar[int] = ContextVar("replying", default=0)
"""The epoch of the reply in whose task (or in whose tools') this code runs; 0: in none's."""
