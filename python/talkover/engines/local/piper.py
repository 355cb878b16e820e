"""Piper's voices (VITS) on onnxruntime. A file NAME.onnx, its settings in NAME.onnx.json.

Written from the file formats; of the piper-tts package, which is under the GPL, nothing is used.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .onnx import Network
from .phonemes import Phonemes

PAD, BEGIN, END = "_", "^", "$"


class Piper:
    """`path` is the voice's file, or the folder that it is in. ValueError for what is none."""

    def __init__(self, path: Path) -> None:
        files = sorted(path.glob("*.onnx")) if path.is_dir() else [path]
        if not files:
            raise ValueError(f"there is no .onnx file in {path}")
        settings: dict[str, Any] = json.loads(Path(f"{files[0]}.json").read_text())
        self.rate: int = settings["audio"]["sample_rate"]
        self._ids: dict[str, list[int]] = settings["phoneme_id_map"]
        self._speakers: dict[str, int] = settings.get("speaker_id_map") or {}
        self._kind: str = settings.get("phoneme_type", "espeak")
        if self._kind not in ("espeak", "text"):
            raise ValueError(f"its phonemes are {self._kind!r}; espeak and text are understood")
        self._language: str = settings.get("espeak", {}).get("voice", "en-us")
        scales = settings.get("inference", {})
        self._noise = float(scales.get("noise_scale", 0.667))
        self._length = float(scales.get("length_scale", 1.0))
        self._width = float(scales.get("noise_w", 0.8))
        self.network = Network(files[0], ("input", "input_lengths", "scales"))

    def speak(
        self, phonemes: Phonemes, text: str, voice: str | None, speed: float
    ) -> NDArray[np.float32]:
        """Samples from -1 to 1. ValueError for a speaker that it has not."""
        said = text if self._kind == "text" else phonemes.of(text, self._language)
        ids = self._numbers(unicodedata.normalize("NFD", said))
        feed: dict[str, Any] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([self._noise, self._length / speed, self._width], np.float32),
        }
        if "sid" in self.network.inputs:
            feed["sid"] = np.array([self._speaker(voice)], np.int64)
        return self.network.run(feed).ravel()

    def _numbers(self, phonemes: str) -> list[int]:
        """Each with a pad behind it, as in training; those that it does not know are left out."""
        between = self._ids[PAD]
        numbers = [*self._ids[BEGIN], *between]
        for phoneme in phonemes:
            if phoneme in self._ids:
                numbers += [*self._ids[phoneme], *between]
        return [*numbers, *self._ids[END]]

    def _speaker(self, voice: str | None) -> int:
        if voice is None or not self._speakers:
            return 0
        if voice not in self._speakers:
            raise ValueError(f"it has no speaker {voice!r}, but {', '.join(self._speakers)}")
        return self._speakers[voice]
