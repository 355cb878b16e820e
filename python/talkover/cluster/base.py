"""What a session log is: the calls that were opened, and what each of them said.

A session belongs to one process at a time, by its *term*: who claims it gets the next term, and
whoever still writes with an older one is fenced. So two processes may both believe that a call is
theirs, and only one can do anything about it.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from ..errors import NotFound, TalkoverError


class Fenced(TalkoverError):
    """This process has lost the session to another one."""

    code = "session_moved"


GONE = "session_not_found"
"""The code of NotFound where a session is unknown, or has ended, or is not this token's."""


Kind = Literal["started", "ended"]
"""What a webhook tells of a session."""
OWED: dict[Kind, int] = {"started": 1, "ended": 2}
"""What is still to be told, as a log's rows have it: the sum of these."""


class Record(NamedTuple):
    """One thing that a session said: its number, ms on the session's clock, and JSON."""

    seq: int
    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A session as the log knows it; Unix seconds. `about` is what it began with.

    `node` is who has it, or had it last; `token` the hash of what its client may claim it by.
    """

    id: str
    term: int
    node: str
    token: bytes
    about: dict[str, Any]
    began: float
    ended: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A session, and what it has said."""

    opened: Opened
    records: list[Record]


def unknown(id: str) -> NotFound:
    return NotFound(f"There is no session {id!r}; it may have been deleted.", code=GONE)


def unclaimed() -> NotFound:
    """Nobody learns whether there is such a session."""
    return NotFound("There is no session that this token resumes; begin a new one.", code=GONE)


def check_claim(known: bytes, ended: float | None, token: bytes | None) -> None:
    """NotFound where a token is not the one whose hash is `known`, or the session has ended."""
    if token is not None and not hmac.compare_digest(known, token):
        raise unclaimed()
    if ended is not None:
        raise NotFound("This session has ended; begin a new one.", code=GONE)


class Backlog(NamedTuple):
    """Writes that a log has not taken yet, and the bytes that they have on this machine's disk."""

    writes: int
    bytes: int


class SessionLog(Protocol):
    """Futures are of the loop that calls. Nothing here blocks, and calls take effect in order.

    Where the store is away, what is to be written waits, up to a bound; reads fail with
    LogUnavailable.
    """

    @property
    def node(self) -> str:
        """The name of this process, by which the log knows whose a session is."""
        ...

    @property
    def backlog(self) -> Backlog: ...

    def open(self, id: str, token: bytes, about: dict[str, Any]) -> asyncio.Future[None]:
        """A new session, at term 1. `token` is the hash of what its client may claim it by."""
        ...

    def append(self, id: str, term: int, record: Record) -> asyncio.Future[None]:
        """Write one record; done once it survives this process. Fenced."""
        ...

    def check(self, id: str, term: int) -> asyncio.Future[None]:
        """Whether the session is still this process's. Fenced, LogUnavailable."""
        ...

    def close(self, id: str, term: int, reason: str) -> asyncio.Future[None]:
        """The session is over. Fenced."""
        ...

    def claim(self, id: str, token: bytes | None) -> asyncio.Future[Kept]:
        """Take a session that has not ended; None: by an operator's right.

        NotFound, or Fenced where somebody else took it at the same time.
        """
        ...

    def orphans(self) -> asyncio.Future[list[str]]:
        """Sessions that have not ended, and that nobody has."""
        ...

    def calls_by(self, secret: str) -> int:
        """How many sessions that were begun by a secret other processes have, among those that
        live; by its hash, which `about` has."""
        ...

    def holder(self, id: str) -> str | None:
        """The other process, among those that live, that has a session; by its id or its call's."""
        ...

    def opened(self, most: int = 1000) -> asyncio.Future[list[Opened]]:
        """The sessions that are known, the newest first."""
        ...

    def find(self, id: str) -> asyncio.Future[Opened]:
        """A session, without what it has said. NotFound."""
        ...

    def read(self, id: str, after: int = 0) -> asyncio.Future[Kept]:
        """A session, and what it has said after number `after`. NotFound."""
        ...

    def forget(self, id: str) -> asyncio.Future[None]:
        """Delete a session and all that it said. NotFound."""
        ...

    def untold(self, kind: Kind) -> asyncio.Future[list[str]]:
        """Sessions of which that was to be told, and was not yet; none that nobody began."""
        ...

    def told(self, id: str, kind: Kind) -> asyncio.Future[None]:
        """That was told, or is given up."""
        ...

    async def shut(self) -> None:
        """Write what waits, and be done."""
        ...


class LogUnavailable(TalkoverError):
    """The store cannot be reached, or cannot take any more."""

    code = "log_unavailable"
