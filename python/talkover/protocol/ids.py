"""Identifiers as the Realtime protocol has them: a prefix and unguessable randomness."""

from __future__ import annotations

import secrets


def fresh(prefix: str) -> str:
    """Such as `item_2f8c…`: 96 random bits."""
    return f"{prefix}_{secrets.token_hex(12)}"
