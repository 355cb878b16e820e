"""The session log in one SQLite file: the default, for one machine.

One thread has the connection. It writes what has come in one transaction, so that many calls cost
little more than one. In WAL mode a commit survives this process; a power failure may cost the last
moments (`synchronous=NORMAL`).
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import json
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import structlog

from ..errors import ConfigError, TalkoverError
from .base import (
    OWED,
    Backlog,
    Fenced,
    Kept,
    Kind,
    LogUnavailable,
    Opened,
    Record,
    check_claim,
    unclaimed,
    unknown,
)
from .lockfile import gone, locked

log = structlog.get_logger("talkover.log")

T = TypeVar("T")
MOST_WAITING = 50_000
"""Writes that wait for a disk that takes none; with more, the newest are refused."""
MOST_AT_ONCE = 512
AGAIN_S = 0.5
TIDY_S = 600.0
"""Old sessions are looked for so often, or as often as they get old."""
_TABLES = """
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, term INTEGER NOT NULL, node TEXT NOT NULL, token BLOB NOT NULL,
    about TEXT NOT NULL, began REAL NOT NULL, ended REAL, reason TEXT,
    owed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    session TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (session, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ended ON sessions (ended);
"""
_GIVEN_UP_S = 3 * 86_400.0
"""An ended session of which still something is to be told is kept no longer than this."""
_ROW = "id, term, node, token, about, began, ended, reason"


class SqliteLog:
    """`node` names this process, and no other of the file.

    Ended sessions are kept for `keep_s` seconds; with `tells`, until what webhooks tell of them was
    told.

    `file` None keeps all in memory; another process that writes is waited for `patience_s` at a
    time. ConfigError where the file cannot be used.
    """

    def __init__(
        self,
        file: Path | None,
        node: str,
        keep_s: float = 86_400.0,
        patience_s: float = 5.0,
        *,
        tells: bool = False,
    ) -> None:
        self._owed = sum(OWED.values()) if tells else 0
        self.node, self._keep_s = node, keep_s
        self._ours = set[str]()
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        try:
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(
                file or ":memory:",
                isolation_level=None,
                check_same_thread=False,
                timeout=patience_s,
            )
            self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_TABLES}")
            self._file, self._lock = file, -1
            if file is not None:
                # Conversations are nobody else's business.
                file.chmod(0o600)
                for left in file.parent.glob(f"{glob.escape(file.name)}.*.lock"):
                    gone(left)
                self._lock = locked(self._lock_of(node))
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"Sessions cannot be kept in {file} ({error}); give --state a file that can be "
                "written, or memory to keep them no longer than this process."
            ) from None
        self._tidied = 0.0
        self._thread = threading.Thread(target=self._run, name="session-log", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> Backlog:
        return Backlog(self._jobs.qsize(), 0)

    def open(self, id: str, token: bytes, about: dict[str, Any]) -> asyncio.Future[None]:
        self._ours.add(id)
        row = (id, 1, self.node, token, json.dumps(about), time.time(), self._owed)

        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO sessions (id, term, node, token, about, began, owed) "
                "VALUES (?,?,?,?,?,?,?)",
                row,
            )

        return self.do(work)

    def append(self, id: str, term: int, record: Record) -> asyncio.Future[None]:
        def work(db: sqlite3.Connection) -> None:
            # A record that was written before it could be confirmed is written once.
            written = db.execute(
                "INSERT OR IGNORE INTO records SELECT ?,?,?,? FROM sessions "
                "WHERE id=? AND term=? AND ended IS NULL",
                (id, *record, id, term),
            )
            if not written.rowcount:
                _check_term(db, id, term)

        return self.do(work)

    def check(self, id: str, term: int) -> asyncio.Future[None]:
        return self.do(lambda db: _check_term(db, id, term))

    def close(self, id: str, term: int, reason: str) -> asyncio.Future[None]:
        ended = time.time()

        def work(db: sqlite3.Connection) -> None:
            _check_term(db, id, term)
            db.execute("UPDATE sessions SET ended=?, reason=? WHERE id=?", (ended, reason, id))
            self._ours.discard(id)

        return self.do(work)

    def claim(self, id: str, token: bytes | None) -> asyncio.Future[Kept]:
        def work(db: sqlite3.Connection) -> Kept:
            row = db.execute("SELECT token, ended FROM sessions WHERE id=?", (id,)).fetchone()
            if row is None:
                raise unclaimed()
            check_claim(row[0], row[1], token)
            db.execute("UPDATE sessions SET term=term+1, node=? WHERE id=?", (self.node, id))
            self._ours.add(id)
            return Kept(_opened(db, id), _records(db, id, 0))

        return self.do(work)

    def orphans(self) -> asyncio.Future[list[str]]:
        def work(db: sqlite3.Connection) -> list[str]:
            found = db.execute("SELECT id, node FROM sessions WHERE ended IS NULL").fetchall()
            others = {node for _, node in found} - {self.node}
            # Another process of this file has its own while it lives.
            living = {node for node in others if not self._is_gone(node)}
            return [id for id, node in found if id not in self._ours and node not in living]

        return self.do(work)

    def _lock_of(self, node: str) -> Path:
        assert self._file is not None
        return self._file.with_name(f"{self._file.name}.{node}.lock")

    def _is_gone(self, node: str) -> bool:
        return self._file is None or gone(self._lock_of(node))

    def calls_by(self, secret: str) -> int:
        return 0

    def holder(self, id: str) -> str | None:
        """Nobody knows another process of this file by its name."""
        return None

    def opened(self, most: int = 1000) -> asyncio.Future[list[Opened]]:
        def work(db: sqlite3.Connection) -> list[Opened]:
            rows = db.execute(f"SELECT {_ROW} FROM sessions ORDER BY began DESC LIMIT ?", (most,))
            return [_as_opened(row) for row in rows.fetchall()]

        return self.do(work)

    def find(self, id: str) -> asyncio.Future[Opened]:
        return self.do(lambda db: _opened(db, id))

    def read(self, id: str, after: int = 0) -> asyncio.Future[Kept]:
        def work(db: sqlite3.Connection) -> Kept:
            return Kept(_opened(db, id), _records(db, id, after))

        return self.do(work)

    def forget(self, id: str) -> asyncio.Future[None]:
        def work(db: sqlite3.Connection) -> None:
            _opened(db, id)
            db.execute("DELETE FROM sessions WHERE id=?", (id,))
            db.execute("DELETE FROM records WHERE session=?", (id,))

        return self.do(work)

    def untold(self, kind: Kind) -> asyncio.Future[list[str]]:
        over = "AND ended IS NOT NULL" if kind == "ended" else ""

        def work(db: sqlite3.Connection) -> list[str]:
            rows = db.execute(
                f"SELECT id FROM sessions WHERE owed & ? {over} "
                "AND EXISTS (SELECT 1 FROM records WHERE session = id)",
                (OWED[kind],),
            )
            return [id for (id,) in rows.fetchall()]

        return self.do(work)

    def told(self, id: str, kind: Kind) -> asyncio.Future[None]:
        def work(db: sqlite3.Connection) -> None:
            db.execute("UPDATE sessions SET owed = owed & ~? WHERE id=?", (OWED[kind], id))

        return self.do(work)

    async def shut(self) -> None:
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    # ---- the thread ----------------------------------------------------------------------------

    def do(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Work for the thread, in its order."""
        job = _Job(work)
        if self._jobs.qsize() >= MOST_WAITING:
            job.error = LogUnavailable("The session log has fallen behind its disk.")
            job.tell()
        else:
            self._jobs.put(job)
        return job.future

    def _run(self) -> None:
        over = False
        while not over:
            jobs = [self._jobs.get()]
            while len(jobs) < MOST_AT_ONCE and not self._jobs.empty():
                jobs.append(self._jobs.get())
            over = None in jobs
            found = [job for job in jobs if job is not None]
            self._write(found)
            for loop in {job.loop for job in found}:
                _tell(loop, [job for job in found if job.loop is loop])
            self._tidy()
        self._db.close()
        if self._lock >= 0:
            self._lock_of(self.node).unlink(missing_ok=True)
            os.close(self._lock)

    def _write(self, jobs: list[_Job[Any]]) -> None:
        """All in one transaction, again until the disk takes it."""
        told = False
        while True:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                for job in jobs:
                    job.run(self._db)
                self._db.execute("COMMIT")
                return
            except sqlite3.OperationalError as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if not told:
                    log.error("the session log cannot be written", error=str(error))
                    told = True
                time.sleep(AGAIN_S)

    def _tidy(self) -> None:
        now = time.time()
        if now - self._tidied < min(TIDY_S, self._keep_s):
            return
        self._tidied = now
        old = "FROM sessions WHERE ended < ? AND (owed = 0 OR ended < ?)"
        when = (now - self._keep_s, now - self._keep_s - _GIVEN_UP_S)
        try:
            self._db.execute(f"DELETE FROM records WHERE session IN (SELECT id {old})", when)
            self._db.execute(f"DELETE {old}", when)
        except sqlite3.OperationalError as error:
            log.error("old sessions cannot be deleted", error=str(error))


class _Job(Generic[T]):
    """Work for the thread, and the future of what comes of it."""

    def __init__(self, work: Callable[[sqlite3.Connection], T]) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self.loop.create_future()
        self.error: TalkoverError | None = None
        self._work = work
        self._result: T | None = None

    def run(self, db: sqlite3.Connection) -> None:
        try:
            self._result, self.error = self._work(db), None
        except TalkoverError as error:
            self.error = error
        except sqlite3.IntegrityError as error:
            self.error = LogUnavailable(f"The session log refused it: {error}.")

    def tell(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
            # Who does not ask is not told.
            self.future.exception()
        else:
            self.future.set_result(cast(T, self._result))


def _tell(loop: asyncio.AbstractEventLoop, jobs: list[_Job[Any]]) -> None:
    def tell() -> None:
        for job in jobs:
            job.tell()

    # After the loop was closed there is nobody to tell.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(tell)


def _check_term(db: sqlite3.Connection, id: str, term: int) -> None:
    found = db.execute("SELECT term, ended FROM sessions WHERE id=?", (id,)).fetchone()
    if found is None or found[0] != term or found[1] is not None:
        raise Fenced("This session goes on elsewhere, or was deleted.")


def _opened(db: sqlite3.Connection, id: str) -> Opened:
    row = db.execute(f"SELECT {_ROW} FROM sessions WHERE id=?", (id,)).fetchone()
    if row is None:
        raise unknown(id)
    return _as_opened(row)


def _as_opened(row: tuple[Any, ...]) -> Opened:
    id, term, node, token, about, began, ended, reason = row
    return Opened(id, term, node, token, json.loads(about), began, ended, reason)


def _records(db: sqlite3.Connection, id: str, after: int) -> list[Record]:
    rows = db.execute(
        "SELECT seq, at_ms, text FROM records WHERE session=? AND seq>? ORDER BY seq", (id, after)
    )
    return [Record(*row) for row in rows.fetchall()]
