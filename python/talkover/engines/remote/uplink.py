"""The caller's sound on its way to a provider."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from ...errors import EngineError

MOST_WAITING = 500
"""Pieces of 20 ms that wait for a slow line; a caller's sound that is older is of no use."""


class Uplink:
    """Sends by `send`, one after the other, until it is closed or that raises EngineError."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="speech to speech: sound")

    def feed(self, pcm: bytes) -> None:
        self._waiting.append(pcm)
        self._more.set()

    def close(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                try:
                    await self._send(self._waiting.popleft())
                except EngineError:
                    # Whoever reads what comes from there is told.
                    return
