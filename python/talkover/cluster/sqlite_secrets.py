"""Client secrets beside the session log, in the same file."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time

from .secrets import Grant
from .sqlite import SqliteLog

_TABLE = """
CREATE TABLE IF NOT EXISTS secrets (
    hash TEXT PRIMARY KEY, about TEXT NOT NULL, expires_at INTEGER NOT NULL, uses_left INTEGER
) WITHOUT ROWID
"""


class SqliteSecrets:
    """Works on the thread of `log`."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        log.do(lambda db: db.execute(_TABLE))

    def put(self, hash: str, grant: Grant) -> asyncio.Future[None]:
        row = (hash, json.dumps(grant.about), grant.expires_at, grant.uses_left)

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM secrets WHERE expires_at < ?", (time.time(),))
            db.execute("INSERT INTO secrets VALUES (?,?,?,?)", row)

        return self._log.do(work)

    def get(self, hash: str) -> asyncio.Future[Grant | None]:
        def work(db: sqlite3.Connection) -> Grant | None:
            row = db.execute(
                "SELECT about, expires_at, uses_left FROM secrets WHERE hash=?", (hash,)
            ).fetchone()
            return None if row is None else Grant(json.loads(row[0]), row[1], row[2])

        return self._log.do(work)

    def use(self, hash: str, count: int = 1) -> asyncio.Future[bool]:
        def work(db: sqlite3.Connection) -> bool:
            # What has no limit stays without one: NULL - 1 is NULL.
            used = db.execute(
                "UPDATE secrets SET uses_left = uses_left - ? "
                "WHERE hash=? AND (uses_left IS NULL OR uses_left >= ?)",
                (count, hash, count),
            )
            return bool(used.rowcount)

        return self._log.do(work)
