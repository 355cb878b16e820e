"""Which processes serve a port, so that a new one can take the place of the old.

Each has a file of its own, named by its process id and locked for as long as it lives: a lock that
can be taken is of a process that is gone, so no other process is ever mistaken for one of ours.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Generator
from pathlib import Path

from ..errors import ConfigError


class Serving:
    """`folder` is readable by its owner alone, and so are the processes known."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._name = folder, f"serving-{port}"

    @contextlib.contextmanager
    def told(self) -> Generator[None]:
        """This process is one of them within the block. ConfigError."""
        file = self._folder / f"{self._name}-{os.getpid()}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = file.open("wb")
        except OSError as error:
            raise ConfigError(f"{self._folder} cannot be written ({error.strerror}).") from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                file.unlink(missing_ok=True)

    def replace(self) -> list[int]:
        """Have the others move their calls, and stop. Returns their process ids."""
        told: list[int] = []
        for file in self._folder.glob(f"{self._name}-*.lock"):
            process = int(file.stem.rpartition("-")[2])
            if process != os.getpid() and _lives(file):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGTERM)
                    told.append(process)
        return told


def _lives(file: Path) -> bool:
    try:
        with file.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False
