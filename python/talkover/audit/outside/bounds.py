"""What a probe may take: an amount of time, a number of requests, and one host."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ...errors import TalkoverError

MOST_REQUESTS = 40
MOST_BODY = 1024 * 1024
STEP_S = 30.0
"""No single exchange takes longer, however much time is left."""


class Spent(TalkoverError):
    """The time or the requests that an audit may take are used up."""

    code = "audit_bound"


@dataclass(slots=True)
class Bounds:
    """For one target. `token` goes to its host alone; `idle_s` is how long a silent socket is
    watched."""

    url: str
    seconds: float
    verify: ssl.SSLContext
    agent: str
    token: str | None = None
    idle_s: float = 20.0
    requests: int = MOST_REQUESTS
    _began: float = field(default_factory=time.monotonic)

    @property
    def left_s(self) -> float:
        return max(self._began + self.seconds - time.monotonic(), 0.0)

    def headers(self) -> dict[str, str]:
        own = {"User-Agent": self.agent}
        return own if self.token is None else own | {"Authorization": f"Bearer {self.token}"}

    def is_here(self, url: str) -> bool:
        """Whether it is the host that the user named."""
        return urlsplit(url).hostname == urlsplit(self.url).hostname

    @asynccontextmanager
    async def step(self, requests: int = 1, seconds: float = STEP_S) -> AsyncGenerator[None]:
        """One exchange within what is left. Spent; TimeoutError where this one takes too long."""
        if self.left_s <= 0:
            raise Spent(
                f"The {self.seconds:g} s for this target were over; give more by --seconds."
            )
        if self.requests < requests:
            raise Spent(f"The {MOST_REQUESTS} requests for this target were used up.")
        self.requests -= requests
        async with asyncio.timeout(min(self.left_s, seconds)):
            yield
