"""Text to phonemes by espeak-ng, for voices that were trained on its output. In a worker only:
its state is global, and its licence (GPL-3) its own."""

from __future__ import annotations

import ctypes
import re
from typing import Any

import espeakng_loader  # pyright: ignore[reportMissingTypeStubs]  it has none

from .clauses import MARKS, WIDE

NO_SOUND, UTF8, IPA = 1, 1, 2
_SWITCH = re.compile(r"\([a-z-]+\)")
"""espeak-ng says so where it takes a word for another language's."""
_AFTER = re.compile(rf"(?<=[{MARKS}])(?=\s|$)|(?<=[{WIDE}])")
_LATIN = str.maketrans(WIDE, ",;:.!?")


class Phonemes:
    def __init__(self) -> None:
        self._espeak: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        self._convert = self._espeak.espeak_TextToPhonemes
        self._convert.restype = ctypes.c_char_p
        self._convert.argtypes = (ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int)
        data = espeakng_loader.get_data_path().encode()
        if self._espeak.espeak_Initialize(NO_SOUND, 0, data, 0) < 0:
            raise ValueError("espeak-ng does not start")

    def of(self, text: str, language: str) -> str:
        """IPA, with the text's own marks of punctuation, which espeak-ng leaves out.

        ValueError for a language that espeak-ng has not.
        """
        if self._espeak.espeak_SetVoiceByName(language.encode()) != 0:
            raise ValueError(f"espeak-ng has no language {language!r}")
        said = ""
        # A mark within a word or a number (3.5) is no end of a clause: espeak-ng reads it.
        for clause in _AFTER.split(text):
            words = clause.strip()
            bare = words.rstrip(f"{MARKS}{WIDE}")
            mark = words[len(bare) :][:1].translate(_LATIN)
            ipa = self._words(bare)
            if ipa:
                said = f"{said} {ipa}{mark}".strip()
        return said

    def _words(self, text: str) -> str:
        left = ctypes.c_char_p(text.encode())
        pieces: list[str] = []
        while left.value:
            ipa: bytes | None = self._convert(ctypes.byref(left), UTF8, IPA)
            pieces.append((ipa or b"").decode())
        return _SWITCH.sub("", " ".join(pieces)).strip()
