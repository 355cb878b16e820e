"""Writes a session into the log as it speaks: a reader of its facts, before all others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from ..cluster.base import Fenced, LogUnavailable, Record, SessionLog
from ..errors import NotFound
from ..protocol import facts as f
from ..protocol.logged import is_kept, to_json
from .stream import Entry

log = structlog.get_logger("talkover.journal")

HEARD_MS = 1000
"""While the agent speaks, what was heard is written so often: a crash costs this much of it."""
SURE_S = 2.0
"""What has effects waits so long for the log to say that this session is still ours."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session is written: its log, its id there, and the term that this process has."""

    log: SessionLog
    id: str
    term: int


class Journal:
    """Belongs to one session, and is its stream's `journal`.

    `config` and `state` give what the session has now; both are written beside facts whenever they
    have changed. `lost` is called once, when another process has taken the session.
    """

    def __init__(
        self,
        place: Place,
        config: Callable[[], dict[str, Any]],
        state: Callable[[], dict[str, Any]],
        lost: Callable[[], None],
    ) -> None:
        self._place, self._config, self._state, self._lost = place, config, state, lost
        self._written_state = self._as_text(state()) or "{}"
        self._last: asyncio.Future[None] | None = None
        self._said: dict[str, str] = {}
        self._told_ms = 0
        self._over = self._mute = False

    def __call__(self, entry: Entry) -> asyncio.Future[None] | None:
        """Begin to write what is to be kept of it; None for nothing."""
        number, at_ms, fact = entry
        if self._over:
            return None
        if not is_kept(fact):
            progress = self._progress(fact, at_ms)
            if progress is not None:
                # Nobody is told later because of this.
                self._write(Record(number, at_ms, to_json(progress)))
            return None
        self._follow(fact)
        if isinstance(fact, f.SessionCreated):
            # The log knows all of it already, but that it was begun.
            fact = f.SessionCreated({})
        beside: dict[str, Any] = self._changed_state()
        if isinstance(fact, f.SessionUpdated):
            fact = f.SessionUpdated({})
            beside["session"] = self._config()
        written = self._write(Record(number, at_ms, to_json(fact, **beside)))
        if isinstance(fact, f.Ended):
            self._close(fact)
        return written

    async def sure(self) -> None:
        """Until all so far is written. Fenced where another process has the session; also
        LogUnavailable, after a while."""
        if self._last is None:
            return
        try:
            async with asyncio.timeout(SURE_S):
                await asyncio.shield(self._last)
        except TimeoutError:
            raise LogUnavailable("The session log cannot be reached.") from None

    async def ours(self) -> bool:
        """False where another process is known to have the session."""
        place = self._place
        try:
            async with asyncio.timeout(SURE_S):
                await place.log.check(place.id, place.term)
        except (Fenced, NotFound):
            return False
        except (TimeoutError, LogUnavailable):
            pass
        return True

    # ---- within --------------------------------------------------------------------------------

    def _write(self, record: Record) -> asyncio.Future[None]:
        place = self._place
        self._last = place.log.append(place.id, place.term, record)
        self._last.add_done_callback(self._look)
        return self._last

    def _close(self, fact: f.Ended) -> None:
        self._over = True
        if fact.how != "moved":
            place = self._place
            place.log.close(place.id, place.term, fact.reason).add_done_callback(self._look)

    def _look(self, written: asyncio.Future[None]) -> None:
        error = None if written.cancelled() else written.exception()
        if isinstance(error, Fenced):
            if not self._over:
                self._over = True
                self._lost()
        elif error is not None and not self._mute:
            self._mute = True
            log.error("a call is not written", session=self._place.id, error=str(error))

    def _follow(self, fact: f.Fact) -> None:
        match fact:
            case f.ReplyItemAdded(_, item):
                self._said[item.id] = ""
            case f.ReplyDone(_, _, _, items):
                for item in items:
                    self._said.pop(item.id, None)
            case _:
                pass

    def _progress(self, fact: f.Fact, at_ms: int) -> f.Heard | None:
        """What was heard of the answer so far, once a second."""
        match fact:
            case f.ReplyTranscript(_, item, _, delta) if item in self._said:
                self._said[item] += delta
            case f.Word(reply, item, start, _) if at_ms - self._told_ms >= HEARD_MS:
                self._told_ms = at_ms
                # The word begins only now.
                heard = self._said.get(item, "")[:start].rstrip()
                return f.Heard(reply, item, heard, 0, False) if heard else None
            case _:
                pass
        return None

    def _changed_state(self) -> dict[str, Any]:
        text = self._as_text(self._state())
        if text is None or text == self._written_state:
            return {}
        self._written_state = text
        return {"state": json.loads(text)}

    def _as_text(self, state: dict[str, Any]) -> str | None:
        try:
            return json.dumps(state)
        except (TypeError, ValueError) as error:
            if not self._mute:
                self._mute = True
                log.warning("session.state is not JSON, so it does not survive", error=str(error))
            return None
