"""Kokoro (StyleTTS 2, 82 M) on onnxruntime: a folder with its model, tokenizer.json, and a file of
style vectors for each voice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .onnx import Network
from .phonemes import Phonemes

RATE = 24000
MOST_TOKENS = 510
STYLE = 256
LANGUAGES = {
    "a": "en-us",
    "b": "en",
    "e": "es",
    "f": "fr",
    "h": "hi",
    "i": "it",
    "p": "pt-br",
}
"""First letter of a voice's name → espeak-ng's language. It has none for Japanese and Chinese."""

ENGLISH = (
    ("eɪ", "A"), ("aɪ", "I"), ("aʊ", "W"), ("ɔɪ", "Y"), ("oʊ", "O"), ("əʊ", "Q"),
    ("dʒ", "ʤ"), ("tʃ", "ʧ"), ("ɚ", "əɹ"), ("ɐ", "ə"), ("r", "ɹ"),
)  # fmt: skip
"""Kokoro's English was trained on one letter for each of these sounds."""
AMERICAN = (("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ː", ""))


class Kokoro:
    """ValueError for a folder that has no such model."""

    rate = RATE

    def __init__(self, folder: Path) -> None:
        models = sorted(folder.glob("*.onnx"))
        self._styles = {file.stem: file for file in sorted(folder.glob("*.bin"))}
        if not models or not self._styles:
            raise ValueError(f"{folder} needs a model (.onnx) and voices (.bin)")
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        self._ids: dict[str, int] = tokenizer["model"]["vocab"]
        self._loaded: dict[str, NDArray[np.float32]] = {}
        self._usual = "af_heart" if "af_heart" in self._styles else next(iter(self._styles))
        self.network = Network(models[0], ("style", "speed"))
        (self._tokens,) = set(self.network.inputs) - {"style", "speed"}

    def speak(
        self, phonemes: Phonemes, text: str, voice: str | None, speed: float
    ) -> NDArray[np.float32]:
        """Samples from -1 to 1. ValueError for a voice that it has not."""
        name = voice or self._usual
        style = self._style(name)
        language = LANGUAGES.get(name[:1])
        if language is None:
            raise ValueError(f"the language of the voice {name!r} is not spoken here")
        said = adapted(phonemes.of(text, language), language)
        ids = [self._ids[one] for one in said if one in self._ids][:MOST_TOKENS]
        kind = np.int32 if "int" in self.network.inputs["speed"] else np.float32
        feed: dict[str, Any] = {
            self._tokens: np.array([[0, *ids, 0]], np.int64),
            "style": style[min(len(ids), len(style) - 1)].reshape(1, STYLE),
            "speed": np.array([speed], kind),
        }
        return self.network.run(feed).ravel()

    def _style(self, name: str) -> NDArray[np.float32]:
        """A vector for each number of tokens."""
        if name not in self._loaded:
            if name not in self._styles:
                raise ValueError(f"there is no voice {name!r}, but {', '.join(self._styles)}")
            self._loaded[name] = np.fromfile(self._styles[name], "<f4").reshape(-1, STYLE)
        return self._loaded[name]


def adapted(ipa: str, language: str) -> str:
    """espeak-ng's phonemes in Kokoro's letters."""
    if language in ("en", "en-us"):
        for sound, letter in (*ENGLISH, *(AMERICAN if language == "en-us" else ())):
            ipa = ipa.replace(sound, letter)
    return ipa
