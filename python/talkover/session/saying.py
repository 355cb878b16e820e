"""What the agent says unasked: greetings and timers, a hum, a word while the user speaks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..turn import inputs as i
from ..turn import outputs as o
from ..values import Audio, Say
from .brain import Piece

if TYPE_CHECKING:
    from .session import Session

MOST_TO_SAY = 32
HUMS = ("Mm-hm.", "Uh-huh.", "Right.")


@dataclass(slots=True)
class Saying:
    """Something that the agent says unasked; `heard` is what came of it."""

    what: str | Audio | Say
    heard: asyncio.Future[str]


class Sayings:
    """Belongs to one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._says: deque[Saying] = deque()
        self._held: list[Saying] = []
        """Until a human hands the call back."""
        self._aside = ""

    @property
    def waiting(self) -> bool:
        return bool(self._says)

    async def say(self, what: str | Audio | Say, *, operator: bool = False) -> str:
        """See `Session.say`. Where a human has the call, only an `operator` has anything said."""
        session = self._session
        if session.ended or len(self._says) + len(self._held) >= MOST_TO_SAY:
            return ""
        saying = Saying(what, asyncio.get_running_loop().create_future())
        if session.takeover.on and not operator:
            self._held.append(saying)
        else:
            self._says.append(saying)
            session.tell(i.Say())
        return "" if session.inside_reply else await saying.heard

    def go_on(self) -> None:
        """The agent has the call again."""
        held, self._held = self._held, []
        for saying in held:
            self._says.append(saying)
            self._session.tell(i.Say())

    def count_back(self, words: str) -> None:
        """A model that wants to may speak while the user still does."""
        aside = self._session.cast.llm.while_speaking(words)
        if aside is not None:
            self._aside = aside
            self._session.tell(i.Aside())

    def pieces(
        self, start: o.StartReply, futures: dict[int, asyncio.Future[str]]
    ) -> Callable[[], AsyncGenerator[Piece]]:
        """What a reply that nobody asked for says."""
        if start.cause == "say":
            saying = self._says.popleft()
            futures[start.epoch] = saying.heard
            return lambda: _once(saying.what)
        self._session.standing.give(reflex_off=True)
        if start.cause == "backchannel":
            return lambda: _once(HUMS[start.epoch % len(HUMS)])
        what, self._aside = self._aside, ""
        return lambda: _once(what)

    def close(self) -> None:
        for saying in (*self._says, *self._held):
            saying.heard.set_result("")
        self._says.clear()
        self._held.clear()


async def _once(what: str | Audio | Say) -> AsyncGenerator[Piece]:
    yield what
