"""Put the figures of `talkover bench transports` into the pages that show them.

    PYTHONPATH=python python3 scripts/headline.py bench-out/transports.json

Draws docs/screenshots/transports.svg and fills the marked places (`<!-- transports:NAME -->`) of
README.md and docs/*.md; doing it again changes nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from talkover.transports.headline import blocks, main_engines, plot, rewritten

ROOT = Path(__file__).resolve().parents[1]
PLOT = ROOT / "docs" / "screenshots" / "transports.svg"


def main() -> None:
    found = json.loads(Path(sys.argv[1]).read_text())
    PLOT.write_text(plot(found, main_engines(found)))
    print(f"wrote {PLOT.relative_to(ROOT)}")
    made = blocks(found)
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        before = page.read_text()
        after = rewritten(before, made)
        if after != before:
            page.write_text(after)
            print(f"wrote {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
