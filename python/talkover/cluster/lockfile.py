"""Which processes live: each has a locked file, and the kernel lets go of it with the process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

PRIVATE = 0o700


def locked(path: Path) -> int:
    """The descriptor of a file that is this process's as long as it lives. OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            os.close(file)
            raise
        # Whoever looks for the files of the dead may have found it before it was locked.
        if os.fstat(file).st_nlink:
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
            return file
        os.close(file)


def taken_over(path: Path) -> int | None:
    """The same of a process that is gone; None while it lives, or where there is no such file."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file
    except OSError:
        os.close(file)
        return None


def gone(path: Path) -> bool:
    """Whether nobody alive has the file; it is removed then."""
    file = taken_over(path)
    if file is not None:
        path.unlink(missing_ok=True)
        os.close(file)
    return not path.exists()
