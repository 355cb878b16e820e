"""Tools that run behind the conversation: their results come into it as they are there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import InputError
from ..protocol import facts as f
from ..turn import inputs as i
from .conversation import Conversation
from .past import later_items
from .replying import REPLYING

if TYPE_CHECKING:
    from .session import Session

MOST = 8
"""Tools that run at a time; a model that begins another is told to wait."""
RUNNING = (
    "It is running. The result will come by itself; do not call it again for that. Say that you "
    "are on it and go on talking."
)
"""What the model is told at once."""


class Background:
    """Belongs to one session. What runs here ends with the session, not with the turn."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._running: set[str] = set()
        self._untold: set[str] = set()
        """Results that no model was asked with yet, by the ids of their items."""

    @contextmanager
    def place(self, call_id: str) -> Generator[None]:
        """Room for a tool, kept unless the block fails. InputError where there is none."""
        if len(self._running) >= MOST:
            raise InputError(f"{MOST} tools are running already; wait for a result first.")
        self._running.add(call_id)
        try:
            yield
        except BaseException:
            self._running.discard(call_id)
            raise

    def begin(self, call_id: str, work: Callable[[], Awaitable[f.ToolStep]]) -> None:
        """Run it in its place; `work` gives its last step and raises nothing."""
        self._session.spawn(self._run(call_id, work), "background tool")

    async def _run(self, call_id: str, work: Callable[[], Awaitable[f.ToolStep]]) -> None:
        # It was begun in a reply, and outlives it.
        REPLYING.set(0)
        try:
            step = await work()
        finally:
            self._running.discard(call_id)
        self.came(step)

    def came(self, step: f.ToolStep) -> None:
        """A result is there: the model gets it, and something is due."""
        session = self._session
        for item in later_items(step, step.output or ""):
            session.conversation.add(item, hidden=True)
            self._untold.add(item.id)
            if session.duplex is not None:
                session.duplex.written(item)
        session.emit(step)
        session.takeover.due(soon=True)

    def asked(self, talk: Conversation) -> None:
        """A model is asked with this conversation, in a reply that is one with the session's."""
        if self._untold and self._session.conversation.is_one_with(talk):
            self._untold = {id for id in self._untold if id not in talk}
            if not self._untold:
                self._session.tell(i.Told())
