"""Whose turn on a core it is: the media threads', as far as the system lets them."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from talkover.media.port import MediaPort
from talkover.media.priority import NICENESS, hurried

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="one niceness for each process")


NOBODY = 65534


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def allowed() -> int:
    """What a thread gets that asks for it."""
    found: list[int] = []

    def ask() -> None:
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, niceness() + NICENESS)
        found.append(niceness())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return found[0]


def threads() -> set[int]:
    return {int(thread.name) for thread in Path("/proc/self/task").iterdir()}


def test_the_media_threads_go_first_and_the_loop_does_not() -> None:
    async def made() -> list[int]:
        before = threads()
        port = MediaPort("127.0.0.1", 0, threads=2)
        found = [os.getpriority(os.PRIO_PROCESS, one) for one in threads() - before]
        port.close()
        return found

    own = niceness()
    assert asyncio.run(made()) == [allowed()] * 2
    assert niceness() == own


def test_who_may_not_goes_on_as_it_is() -> None:
    own, child = niceness(), os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setresuid(NOBODY, NOBODY, NOBODY)
        with hurried():
            os._exit(niceness() != own)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_fails_within_leaves_the_niceness_as_it_was() -> None:
    own = niceness()
    with pytest.raises(OSError, match="taken"), hurried():
        raise OSError("taken")
    assert niceness() == own
