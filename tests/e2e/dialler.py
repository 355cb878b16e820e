"""The calling side of WebRTC for tests that do their own signalling."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import Callable
from typing import Any

from talkover.media import items as m
from talkover.media.port import MediaPort

PATIENCE_S = 20.0
QUIET = 300


class Dialler:
    """Has an `offer`, takes an answer; `events` came on its data channel. Close its `media`."""

    def __init__(self) -> None:
        self.media = MediaPort("127.0.0.1", 0)
        self.peer, self.offer = self.media.core.dial()
        # A caller's own voice must not fall silent when the agent speaks.
        self.peer.policy(
            duck=False, hold=False, hold_after_ms=200, resume_after_ms=48, max_hold_ms=3000
        )
        self.media.bind(self.peer, self._take)
        self.events: list[dict[str, Any]] = []
        self.spoken = self.closed = self.connected = False
        self.heard_s = 0.0
        """How long there was any sound."""
        self._more = asyncio.Event()

    async def accept(self, answer: str) -> None:
        await asyncio.to_thread(self.peer.accept, answer)

    def send(self, kind: str, **fields: Any) -> None:
        self.peer.send(json.dumps({"type": kind, **fields}))

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self._more.clear()
                await self._more.wait()

    async def wait_for(self, kind: str) -> dict[str, Any]:
        await self.until(lambda: self.of(kind))
        return self.of(kind)[0]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def _take(self, item: m.Item) -> None:
        match item:
            case m.Text(text):
                self.events.append(json.loads(text))
            case m.AudioIn(_, pcm):
                self.heard_s += sum(abs(level) > QUIET for level in array("h", pcm)) / 16000
            case m.Speech(on):
                self.spoken = self.spoken or on
            case m.Connected():
                self.connected = True
            case m.Closed():
                self.closed = True
            case _:
                return
        self._more.set()
