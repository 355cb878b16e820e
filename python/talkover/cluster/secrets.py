"""What backends allowed their clients: kept until it expires, for every process of the same store.

Of a secret itself only its hash is kept (SHA-256, in hex).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Grant:
    """`about` is JSON; `expires_at` Unix seconds; `uses_left` None: as many as one likes."""

    about: dict[str, Any]
    expires_at: int
    uses_left: int | None = None


class Secrets(Protocol):
    """Futures are of the loop that calls; LogUnavailable where the store is away."""

    def put(self, hash: str, grant: Grant) -> asyncio.Future[None]: ...

    def get(self, hash: str) -> asyncio.Future[Grant | None]:
        """None where there is none; whether it has expired is for who asks."""
        ...

    def use(self, hash: str, count: int = 1) -> asyncio.Future[bool]:
        """Count a use; -1 gives one back. False where none is left."""
        ...
