"""Which words belong to which sound, where a model sends both without saying so (pure)."""

from __future__ import annotations

import re

from ..turn.heard import MS_PER_CHARACTER

_WORD = re.compile(r"\s*\S+")


class Alignment:
    """Of one item. Words that came early wait for sound that can have said them."""

    def __init__(self) -> None:
        self._text = ""
        self._credit_ms = 0.0

    def words(self, text: str) -> None:
        self._text += text

    def sound(self, ms: float) -> str:
        """The words of the next `ms` of sound: whole ones, at an ordinary pace of speech."""
        self._credit_ms += ms
        end = 0
        for word in _WORD.finditer(self._text):
            if word.end() * MS_PER_CHARACTER > self._credit_ms:
                break
            end = word.end()
        said, self._text = self._text[:end], self._text[end:]
        self._credit_ms -= len(said) * MS_PER_CHARACTER
        return said

    def rest(self) -> str:
        """The words that are left when its sound is complete."""
        left, self._text = self._text, ""
        return left
