"""Tokens of GPT-2's kind to text: each character of a token stands for a byte. Pure."""

from __future__ import annotations

from collections.abc import Iterable

_SHOWN = [*range(33, 127), *range(161, 173), *range(174, 256)]
"""Bytes that stand for themselves; the others are the characters from 256 on, in their order."""
_HIDDEN = [byte for byte in range(256) if byte not in set(_SHOWN)]
_BYTES = {chr(byte): byte for byte in _SHOWN} | {chr(256 + n): b for n, b in enumerate(_HIDDEN)}


def text(tokens: Iterable[str]) -> str:
    """Without the special ones (`<|endoftext|>`); half a character at the end is left out."""
    spoken = (token for token in tokens if not (token.startswith("<|") and token.endswith("|>")))
    return bytes(_BYTES[c] for token in spoken for c in token if c in _BYTES).decode(
        errors="ignore"
    )
