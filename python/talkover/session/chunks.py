"""Cuts a stream of text into pieces worth speaking: a short first one, then whole sentences."""

from __future__ import annotations

import re

_CLOSING = "\"')\\]}»”“’›」』】）"  # noqa: RUF001 - quotation marks of many languages
_FULL = "。！？｡।॥؟۔"  # noqa: RUF001 - the full stops of Chinese, Japanese, Hindi, Arabic, Urdu
_SENTENCE = re.compile(
    # A full stop may be within a number or a name; a space behind it tells.
    rf"[.!?…]+[{_CLOSING}]*\s+"
    # Those are nothing else; what follows tells that no quotation mark does.
    rf"|[{_FULL}]+[{_CLOSING}]*(?:\s+|(?=[^\s{_FULL}{_CLOSING}]))"
    r"|\n+"
)
_CLAUSE = re.compile(r"[,;:\u2013\u2014]\s+|[，、；：،؛]\s*")  # noqa: RUF001 - as those
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|e\.g|i\.e|etc|Nr|bzw|ca|z|d|Sr|Sra|Ud|Uds)|\b[A-HJ-Z]|^\d+)"
    r"\.\s+$"
)
LONGEST = 240
"""Characters after which a clause, or else a space, will do."""


class Chunker:
    """Pure: text in, pieces out; the pieces joined are the text."""

    def __init__(self) -> None:
        self._text = ""

    def push(self, text: str) -> list[str]:
        """The pieces that `text` completes."""
        self._text += text
        pieces: list[str] = []
        while (end := self._end()) is not None:
            pieces.append(self._text[:end])
            self._text = self._text[end:]
        return pieces

    def flush(self) -> list[str]:
        """What is left."""
        left, self._text = self._text, ""
        return [left] if left else []

    def _end(self) -> int | None:
        for match in _SENTENCE.finditer(self._text):
            if not _ABBREVIATION.search(self._text[: match.end()]):
                return match.end()
        if len(self._text) <= LONGEST:
            return None
        clauses = [m.end() for m in _CLAUSE.finditer(self._text) if m.end() <= LONGEST]
        space = self._text.rfind(" ", 1, LONGEST)
        return clauses[-1] if clauses else space + 1 if space > 0 else LONGEST


_SILENT = re.compile(r"[*_#`~|<>\[\]{}]|https?://\S+")


def speakable(text: str) -> str:
    """The same length, with the marks of Markdown blanked, so that offsets stay true."""
    return _SILENT.sub(lambda match: " " * len(match[0]), text)
