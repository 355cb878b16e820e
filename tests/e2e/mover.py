"""A caller who does what `talkover.move` asks for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from talkover.cli.caller import Caller, CallError

AGAIN_S = 0.1


class Mover:
    """`elsewhere` says where another server is, and `let_go` is called when the last one has let
    the call go. `here` is set but from when the server asks until another one has the call."""

    def __init__(
        self,
        url: str,
        elsewhere: Callable[[], str | None] = lambda: None,
        let_go: Callable[[Caller], object] = lambda _: None,
        on_sound: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._elsewhere, self._let_go = elsewhere, let_go
        self.call = Caller(url, on_event=self._see, on_sound=on_sound)
        self.here, self._asked = asyncio.Event(), asyncio.Event()
        self.gaps: list[float] = []
        """Seconds in which no server had the call, as its caller saw it."""
        self.moves: list[tuple[float, float]] = []
        """When the server asked for each, and when another one had the call."""
        self._wanted = self._left = 0.0

    async def follow(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            moved = False
            while not moved:
                try:
                    await self.call.move(self._elsewhere())
                    moved = True
                except CallError:
                    await asyncio.sleep(AGAIN_S)

    def _see(self, now: float, event: dict[str, Any]) -> None:
        match event["type"]:
            case "talkover.move":
                self.here.clear()
                self._wanted = now
                self._asked.set()
            case "talkover.ended":
                self._left = now
                self._let_go(self.call)
            case "session.created":
                if not self.here.is_set() and self._left:
                    self.gaps.append(now - self._left)
                    self.moves.append((self._wanted, now))
                self.here.set()
            case _:
                pass


@contextlib.asynccontextmanager
async def moving(url: str, **given: Any) -> AsyncIterator[Mover]:
    mover = Mover(url, **given)
    await mover.call.dial()
    following = asyncio.create_task(mover.follow())
    try:
        yield mover
    finally:
        following.cancel()
        await mover.call.hang_up()
