"""A worker process that says which it is, hangs, ends, or leaves b"F" unanswered."""

from __future__ import annotations

import json
import os
import threading

from talkover.engines import frames

frames.write(0, b"R")
for stream, kind, _ in frames.read():
    if kind == b"H":
        threading.Event().wait()
    if kind == b"D":
        os._exit(1)
    if kind != b"F":
        frames.write(stream, kind, json.dumps({"process": os.getpid(), "asked": 0}).encode())
