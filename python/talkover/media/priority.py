"""The media threads go first: what else runs on their core may wait, and a frame may not."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

NICENESS = -10
"""Against that of the process: nine times the share of a core that others have."""


@contextmanager
def hurried() -> Generator[None]:
    """Threads that begin within this are scheduled before others, where the system allows it (on
    Linux it takes CAP_SYS_NICE or a limit on niceness); elsewhere nothing changes.

    Linux has a niceness for each thread, handed down at its start (setpriority(2)); where there is
    one for the process, it is what it was afterwards.
    """
    own = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, own + NICENESS)
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, own)
