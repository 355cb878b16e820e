"""What a probe may take: an amount of time, a number of requests, and one host."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from ...errors import TalkoverError
from ..keys import Header

MOST_REQUESTS = 40
MOST_BODY = 1024 * 1024
FAREWELL_S = 3.0
STEP_S = 30.0
"""No single exchange takes longer, however much time is left."""


class Spent(TalkoverError):
    """The time or the requests that an audit may take are used up."""

    code = "audit_bound"


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)


@dataclass(slots=True)
class Bounds:
    """For one target. `keys` are headers that go to its server alone; `idle_s` is how long a silent
    socket is watched."""

    url: str
    seconds: float
    verify: ssl.SSLContext
    agent: str
    keys: tuple[Header, ...] = ()
    idle_s: float = 20.0
    requests: int = MOST_REQUESTS
    _began: float = field(default_factory=time.monotonic)

    @property
    def left_s(self) -> float:
        return max(self._began + self.seconds - time.monotonic(), 0.0)

    def headers(self) -> dict[str, str]:
        return {"User-Agent": self.agent, **dict(self.keys)}

    def is_here(self, url: str) -> bool:
        """Whether it is the server that the user named; over TLS it may be named without."""
        here, there = urlsplit(self.url), urlsplit(url)
        if here.hostname != there.hostname:
            return False
        safer = (here.scheme, there.scheme) == ("http", "https")
        return safer or (here.scheme, _port(here)) == (there.scheme, _port(there))

    def farewell(self) -> Bounds:
        """For ending what was begun, where there is nothing left."""
        return Bounds(self.url, FAREWELL_S, self.verify, self.agent, self.keys, requests=4)

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
