"""Text in the pieces that a voice speaks one after the other. Pure.

The first one is short, so that the first sound comes soon; the others are sentences, which sound
best as a whole.
"""

from __future__ import annotations

import re

SOON = 12
"""Characters that are enough for a first piece."""
MOST = 240
"""Of one piece; Kokoro takes 510 phonemes."""

MARKS = ",;:.!?…"
WIDE = "\uff0c\uff1b\uff1a\u3002\uff01\uff1f"
"""The same where no space follows them (Chinese, Japanese): , ; : . ! ?"""

_MARK = re.compile(rf"(?<=[{MARKS}])\s+|(?<=[{WIDE}])")
_END = re.compile(rf"[.!?…{WIDE[3:]}]\W*$")
_SPOKEN = re.compile(r"\w")


def clauses(text: str) -> list[str]:
    """What is to be spoken of it, in order; nothing where it has no word."""
    pieces: list[str] = []
    piece = ""
    for part in _MARK.split(text):
        for run in _cut(part.strip()):
            if piece and len(piece) + 1 + len(run) > MOST:
                pieces.append(piece)
                piece = ""
            piece = f"{piece} {run}".strip()
            if len(piece) >= SOON and (not pieces or _END.search(piece)):
                pieces.append(piece)
                piece = ""
    return [one for one in [*pieces, piece] if _SPOKEN.search(one)]


def _cut(part: str) -> list[str]:
    """A clause that is too long, at its spaces; a word that is, anywhere."""
    cut: list[str] = []
    while len(part) > MOST:
        at = part.rfind(" ", 1, MOST)
        at = at if at > 0 else MOST
        cut.append(part[:at])
        part = part[at:].strip()
    return [*cut, part]
