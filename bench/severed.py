"""A server whose link to NATS carries nothing any more: its callers go on elsewhere, and what it
does meanwhile counts for nothing once the link is back."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2 as httpx

from .resume import PATIENCE_S, SPEAKING_S, Outcome, Served, held

STRAY = "This was said to nobody."
PIECE = 65536


class Relay:
    """A TCP line to a server, which stops carrying and goes on as it is told; nothing is closed."""

    def __init__(self, to: str) -> None:
        self._to = urlsplit(to)
        self._open = asyncio.Event()
        self._open.set()
        self.url = ""

    @contextlib.asynccontextmanager
    async def __call__(self) -> AsyncGenerator[Relay]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    def cut(self) -> None:
        self._open.clear()

    def heal(self) -> None:
        self._open.set()

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection(self._to.hostname, self._to.port)
        with contextlib.suppress(OSError):
            await asyncio.gather(self._carry(near, forth), self._carry(far, back))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(PIECE):
                await self._open.wait()
                sink.write(data)
                await sink.drain()
        finally:
            sink.close()


@dataclass(slots=True)
class Cut:
    """`again_ms`: from the cut until each caller talked again. `strays`: sessions whose history has
    what the server that was cut off did meanwhile. `fenced_ms`: from the link's return until that
    one had let all of them go."""

    again_ms: list[float]
    outcomes: list[Outcome]
    strays: int
    fenced_ms: float


async def cut(relay: Relay, first: Served, others: Sequence[Served], n: int) -> Cut:
    begun, fallen = asyncio.Semaphore(0), asyncio.Event()
    callers = [
        asyncio.create_task(held(first, begun, fallen, others, stray=STRAY)) for _ in range(n)
    ]
    for _ in range(n):
        await begun.acquire()
    await asyncio.sleep(random.random() * SPEAKING_S)
    relay.cut()
    at = time.monotonic()
    fallen.set()
    outcomes = await asyncio.gather(*callers)
    relay.heal()
    healed = time.monotonic()
    async with httpx.AsyncClient() as client, asyncio.timeout(PATIENCE_S):
        while (await client.get(f"{first.url}/readyz")).json()["calls"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        fenced = time.monotonic()
        found = [
            (await client.get(f"{others[0].url}/v1/sessions/{one.session}")).text
            for one in outcomes
        ]
    return Cut(
        [(one.again - at) * 1000 for one in outcomes], outcomes,
        sum(STRAY in text for text in found), (fenced - healed) * 1000,
    )  # fmt: skip
