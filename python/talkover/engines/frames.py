"""Length-prefixed binary messages between an engine and its worker process."""

from __future__ import annotations

import struct
import sys
import threading
from collections.abc import Iterator

HEAD = struct.Struct("<IIc")
"""(bytes of payload, stream, kind)"""
MOST = 16 * 1024 * 1024

_writing = threading.Lock()


def pack(stream: int, kind: bytes, payload: bytes = b"") -> bytes:
    return HEAD.pack(len(payload), stream, kind) + payload


def read() -> Iterator[tuple[int, bytes, bytes]]:
    """In the worker: (stream, kind, payload) until the parent is gone."""
    source = sys.stdin.buffer
    while len(head := source.read(HEAD.size)) == HEAD.size:
        size, stream, kind = HEAD.unpack(head)
        yield stream, kind, source.read(size)


def write(stream: int, kind: bytes, payload: bytes = b"") -> None:
    """In the worker: to the parent, from any thread."""
    with _writing:
        sys.stdout.buffer.write(pack(stream, kind, payload))
        sys.stdout.buffer.flush()
