"""What the server's engines heard, said and were told, as lines of a file that the client reads.

Times are `time.monotonic()`, one clock for all processes of a machine.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

Note = dict[str, Any]


class Ledger:
    def __init__(self, file: Path) -> None:
        self._out = file.open("a", buffering=1)

    def note(self, what: str, **more: Any) -> None:
        """One line, now."""
        self._out.write(json.dumps({"what": what, "at": time.monotonic()} | more) + "\n")


def read(file: Path) -> list[Note]:
    """All whole lines so far."""
    whole, _, _ = file.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]
