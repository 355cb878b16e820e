"""pocketsphinx's decoders, with its own model of American English. The only importer of it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pocketsphinx  # pyright: ignore[reportMissingTypeStubs]  it has none

from .dictionary import decent, only
from .grammar import words

_SPHINX: Any = pocketsphinx
FOLDER = Path(_SPHINX.get_model_path()) / "en-us"


@cache
def every_word() -> str:
    """The dictionary that the model comes with, but for what it had better not hear."""
    return decent((FOLDER / "cmudict-en-us.dict").read_text())


def grammar_words() -> str:
    return only(words(), every_word())


def decoder(dictionary: str, **settings: Any) -> Any:
    with tempfile.NamedTemporaryFile("w", suffix=".dict") as file:
        file.write(dictionary)
        file.flush()
        return _SPHINX.Decoder(
            hmm=str(FOLDER / "en-us"), dict=file.name, loglevel="FATAL", **settings
        )
