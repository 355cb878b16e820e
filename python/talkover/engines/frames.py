"""Length-prefixed binary messages between an engine and its worker process."""

from __future__ import annotations

import os
import select
import struct
import sys
import threading
from collections.abc import Iterator
from typing import Protocol

HEAD = struct.Struct("<IIc")
"""(bytes of payload, stream, kind)"""
MOST = 16 * 1024 * 1024
AT_ONCE = 64 * 1024

_writing = threading.Lock()


def pack(stream: int, kind: bytes, payload: bytes = b"") -> bytes:
    return HEAD.pack(len(payload), stream, kind) + payload


class Work(Protocol):
    """What a worker does while nothing comes."""

    @property
    def full(self) -> bool:
        """So much waits that no more is to be read."""
        ...

    def step(self) -> bool:
        """Do a little of it; True where there is more."""
        ...


def read(work: Work | None = None) -> Iterator[tuple[int, bytes, bytes]]:
    """In the worker: (stream, kind, payload) until the parent is gone.

    What comes is read between two steps of `work`.
    """
    source, unread = sys.stdin.fileno(), bytearray()
    while True:
        if work is not None and work.step() and (work.full or not _readable(source)):
            continue
        if not (came := os.read(source, AT_ONCE)):
            return
        unread += came
        while (frame := _first(unread)) is not None:
            yield frame


def _readable(source: int) -> bool:
    return bool(select.select((source,), (), (), 0)[0])


def _first(unread: bytearray) -> tuple[int, bytes, bytes] | None:
    """Take the first message, if it is whole."""
    if len(unread) < HEAD.size:
        return None
    size, stream, kind = HEAD.unpack_from(unread)
    end = HEAD.size + size
    if len(unread) < end:
        return None
    payload = bytes(unread[HEAD.size : end])
    del unread[:end]
    return stream, kind, payload


def write(stream: int, kind: bytes, payload: bytes = b"") -> None:
    """In the worker: to the parent, from any thread."""
    with _writing:
        sys.stdout.buffer.write(pack(stream, kind, payload))
        sys.stdout.buffer.flush()
