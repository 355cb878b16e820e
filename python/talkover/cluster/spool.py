"""What the log elsewhere has not taken yet, on this machine's disk: it outlives this process.

Each process has a file of its own in a folder, locked while it lives: a line of JSON for each
write, and empty again whenever nothing waits. Whoever finds the file of a process that is gone
delivers it. A line may say what the log has had already (it was taken since), so who delivers asks
the log first; the last one may be torn, and then was not promised.
"""

from __future__ import annotations

import asyncio
import json
import os
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

import structlog

from .lockfile import locked, taken_over

log = structlog.get_logger("talkover.spool")

AGAIN_S = 1.0
CLOSE_S = 5.0
MOST_BYTES = 64 << 20
"""Of all sessions together, which is hours of a hundred calls; further records are refused."""

Write = tuple[Literal["open", "record", "close"], Any]
"""What is done to a session's log, and its JSON: a row, a record, or when and why it ended."""


class Left(NamedTuple):
    """What a process that is gone had yet to write of a session, at the term that it had."""

    session: str
    term: int
    writes: list[Write]


class Spool:
    """Of this process; `folder` None: nothing outlives it. Only on the loop's thread.

    A disk that takes nothing is told of in the log once, and tried again; until then what waits is
    in memory alone, up to the same bound.
    """

    def __init__(self, folder: Path | None, name: str, most_bytes: int = MOST_BYTES) -> None:
        self.bytes = 0
        """Of all that waits for the log."""
        self.away = False
        """Whether the log is known not to answer; who finds that out sets it."""
        self._waiting: dict[int, bytes] = {}
        self._tickets = count()
        self._folder, self._most = folder, most_bytes
        self._path = None if folder is None else folder / f"{name}.jsonl"
        self._file, self._end = -1, 0
        self._pending: list[bytes] = []
        self._stale = self._closing = self._told = False
        self._task: asyncio.Task[None] | None = None
        try:
            self._write(b"", afresh=True)
        except OSError as error:
            self._complain(error)

    @property
    def records(self) -> int:
        """Writes that wait."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        return self.bytes >= self._most

    def keep(self, session: str, term: int, write: Write) -> int:
        """It waits, on the disk in a moment; its number, for `taken`."""
        line = json.dumps([session, term, *write]).encode() + b"\n"
        number = next(self._tickets)
        self._waiting[number] = line
        self.bytes += len(line)
        self._pending.append(line)
        self._go_on()
        return number

    def taken(self, number: int) -> None:
        """The log has it, or never will."""
        self.bytes -= len(self._waiting.pop(number))
        # Where NATS is slow something always waits, and the file would grow for ever.
        if not self._waiting or self._end > max(self._most // 4, 2 * self.bytes):
            self._pending, self._stale = list(self._waiting.values()), True
            self._go_on()

    async def abandoned(self) -> list[Abandoned]:
        """The files of processes that are gone, in which something is left."""
        folder, own = self._folder, self._path
        if folder is None:
            return []

        def look() -> list[Abandoned]:
            files = [file for file in sorted(folder.glob("*.jsonl")) if file != own]
            return [found for found in map(_left_behind, files) if found is not None]

        return await asyncio.to_thread(look)

    async def close(self) -> None:
        """What still waits is left to the next process."""
        self._closing = True
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_S)
        if self._file >= 0:
            if self._path is not None and not self._waiting:
                self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1

    # ---- within --------------------------------------------------------------------------------

    def _go_on(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="spool")

    async def _run(self) -> None:
        while self._pending or self._stale:
            lines, self._pending = self._pending, []
            afresh, self._stale = self._stale, False
            try:
                await asyncio.to_thread(self._write, b"".join(lines), afresh)
                self._told = False
            except OSError as error:
                self._complain(error)
                self._pending[:0] = lines
                self._stale = self._stale or afresh
                if self._closing:
                    return
                await asyncio.sleep(AGAIN_S)

    def _write(self, data: bytes, afresh: bool) -> None:
        """Behind what is there, or in its place; whatever a write that failed has left."""
        if self._path is None:
            return
        if self._file < 0:
            self._file = locked(self._path)
        if not afresh or not data:
            start = 0 if afresh else self._end
            os.ftruncate(self._file, start)
            self._end = _put(self._file, data, start)
            return
        # What waits must not be gone for a moment.
        beside = self._path.with_suffix(".new")
        file = locked(beside)
        os.ftruncate(file, 0)
        end = _put(file, data, 0)
        beside.replace(self._path)
        os.close(self._file)
        self._file, self._end = file, end

    def _complain(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            log.error(
                "the spool cannot be written: what NATS does not take is in memory alone",
                file=str(self._path), error=str(error),
            )  # fmt: skip


class Abandoned(NamedTuple):
    """The file of a process that is gone, which nobody else delivers meanwhile."""

    path: Path
    file: int
    left: list[Left]

    def done(self) -> None:
        """All of it is delivered, or will never be."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        os.close(self.file)


def _put(file: int, data: bytes, at: int) -> int:
    """Where it ends."""
    view = memoryview(data)
    while view:
        done = os.pwrite(file, view, at)
        view, at = view[done:], at + done
    if data:
        os.fsync(file)
    return at


def _left_behind(path: Path) -> Abandoned | None:
    file = taken_over(path)
    if file is None:
        return None
    try:
        with os.fdopen(os.dup(file), "rb") as lines:
            found = Abandoned(path, file, _left(lines.read()))
    except OSError:
        # The disk fails.
        os.close(file)
        return None
    if found.left:
        return found
    found.done()
    return None


def _left(data: bytes) -> list[Left]:
    found: dict[tuple[str, int], Left] = {}
    for line in data.split(b"\n")[:-1]:
        try:
            session, term, kind, what = json.loads(line)
        except (ValueError, TypeError) as error:
            log.error("a line of the spool cannot be read", error=str(error))
            continue
        left = found.setdefault((session, term), Left(session, term, []))
        left.writes.append((kind, what))
    return list(found.values())
