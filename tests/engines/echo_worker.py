"""A worker process that answers with its number, hangs, or ends."""

from __future__ import annotations

import os
import threading

from talkover.engines import frames

frames.write(0, b"R")
for stream, kind, _ in frames.read():
    if kind == b"H":
        threading.Event().wait()
    if kind == b"D":
        os._exit(1)
    frames.write(stream, kind, str(os.getpid()).encode())
