"""The recordings in a folder: which there are, which are too old, and how one is deleted.

The folder may hold other things; they are neither listed nor touched.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .file import FOLDER, PART, PARTS, SUFFIX, WORDS, read_about

STAMP = "%Y%m%d-%H%M%S"
_NAME = re.compile(
    r"(?P<began>\d{8}-\d{6})-(?P<session>sess_[0-9a-f]{24})"
    rf"({re.escape(SUFFIX)}|{re.escape(FOLDER)}|{re.escape(PART)}|{re.escape(WORDS)})"
)
LIVE_S = 10.0
"""A folder that was written to so lately is one of a call that goes on."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One call's: when it began (UTC), and all that is there of it."""

    session: str
    began: datetime
    paths: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        return sum(file.stat().st_size for file in _files(self.paths))

    @property
    def about(self) -> dict[str, Any]:
        """What the bundle says of itself; nothing where that cannot be read."""
        for path in self.paths:
            if path.suffix in (SUFFIX, FOLDER):
                try:
                    return read_about(path)
                except (OSError, ValueError, KeyError, zipfile.BadZipFile):
                    continue
        return {}

    def is_live(self, now: float) -> bool:
        """Whether its call goes on; `now` in Unix seconds."""
        folders = [path for path in self.paths if path.suffix == FOLDER]
        return any(now - file.stat().st_mtime < LIVE_S for file in _files(folders))

    def delete(self) -> None:
        """All of it, and nothing that somebody else put there. OSError."""
        for path in self.paths:
            if path.suffix != FOLDER:
                path.unlink(missing_ok=True)
                continue
            for name in PARTS:
                (path / name).unlink(missing_ok=True)
            if not any(path.iterdir()):
                path.rmdir()


def recordings(folder: Path) -> list[Recording]:
    """All in a folder, the oldest first. OSError."""
    found: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(folder.iterdir()):
        name = _NAME.fullmatch(path.name)
        # Whoever puts a link here would have something else deleted.
        if name is None or path.is_symlink() or path.is_dir() != (path.suffix == FOLDER):
            continue
        found.setdefault((name["began"], name["session"]), []).append(path)
    return [
        Recording(session, began, tuple(paths))
        for (stamp, session), paths in sorted(found.items())
        if (began := _began(stamp)) is not None
    ]


def outdated(every: Iterable[Recording], days: int, now: datetime) -> list[Recording]:
    """Those of calls that began more than so many days ago."""
    return [one for one in every if now - one.began > timedelta(days=days)]


def _began(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from (one for one in (path.iterdir() if path.is_dir() else (path,)) if one.is_file())
