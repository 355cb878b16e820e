"""The process that Whisper runs in, on CTranslate2: the utterances that wait, together."""

from __future__ import annotations

import json
import os
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy reads it when it is imported
import ctranslate2  # pyright: ignore[reportMissingTypeStubs]  it has none
import numpy as np
from numpy.typing import NDArray

from ..smart_turn.features import filters, picture
from .byte_pairs import text
from .inbox import Inbox
from .whisper import TOGETHER

BEGIN = "<|startoftranscript|>"
MANY = 50258
"""Where that is in the vocabulary of a model of many languages; one of English alone has one token
less before it, and takes no language."""
RATE = 16000
WINDOW = 30 * RATE
SEARCH = 5 * RATE
"""At the end of a window that is full, the quietest moment of which is where it is cut."""
TOKENS_PER_S = 10
"""Nobody speaks faster; a model that repeats itself for ever is stopped there."""
SILENT, UNSURE, REPEATED = 0.6, -1.0, 2.4
"""Whisper's own thresholds: the probability of no speech, the mean logarithm of the words'
probabilities, and how much of its text zlib takes away."""


@dataclass(frozen=True, slots=True)
class Said:
    text: str
    sure: bool


class Whisper:
    """ValueError for a folder that has no such model."""

    def __init__(self, folder: Path) -> None:
        library: Any = ctranslate2
        self._library = library
        self._model = library.models.Whisper(
            str(folder), device="auto", compute_type="auto",
            intra_threads=max(1, len(os.sched_getaffinity(0)) // 2),
        )  # fmt: skip
        self._filters = filters(self._model.n_mels)
        kept = [file for file in folder.glob("vocabulary.*") if file.suffix in (".json", ".txt")]
        if not kept:
            raise ValueError("there is no vocabulary.txt in it")
        read = kept[0].read_text()
        tokens = json.loads(read) if kept[0].suffix == ".json" else read.split("\n")
        self._languages = set(tokens) if tokens.index(BEGIN) == MANY else None

    def words(self, utterances: list[tuple[NDArray[np.float32], str]]) -> list[Said]:
        """Of each (sound, language). ValueError for a language that it has not."""
        cut = [(windows(sound), self._prompt(language)) for sound, language in utterances]
        rows = [(window, prompt) for pieces, prompt in cut for window in pieces]
        said = [
            one
            for at in range(0, len(rows), TOGETHER)
            for one in self._together(rows[at : at + TOGETHER])
        ]
        answers: list[Said] = []
        for pieces, _ in cut:
            mine, said = said[: len(pieces)], said[len(pieces) :]
            whole = " ".join(one.text for one in mine if one.text)
            answers.append(Said(whole, all(one.sure for one in mine)))
        return answers

    def _prompt(self, language: str) -> list[str]:
        if self._languages is None:
            return [BEGIN, "<|notimestamps|>"]
        token = f"<|{language}|>"
        if token not in self._languages:
            raise ValueError(f"it has no language {language!r}")
        return [BEGIN, token, "<|transcribe|>", "<|notimestamps|>"]

    def _together(self, rows: list[tuple[NDArray[np.float32], list[str]]]) -> list[Said]:
        heard = np.ascontiguousarray([self._picture(window) for window, _ in rows])
        longest = max(len(window) for window, _ in rows) / RATE
        results = self._model.generate(
            self._library.StorageView.from_array(heard),
            [prompt for _, prompt in rows],
            beam_size=1,
            max_length=min(448, 16 + round(TOKENS_PER_S * longest)),
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [judged(one) for one in results]

    def _picture(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        sound = np.zeros(WINDOW, np.float32)
        sound[: len(window)] = window
        return picture(sound, self._filters)


def windows(sound: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Of 30 s at most, cut where it is quiet."""
    pieces: list[NDArray[np.float32]] = []
    while len(sound) > WINDOW:
        tail = sound[WINDOW - SEARCH : WINDOW].reshape(-1, RATE // 10)
        at = WINDOW - SEARCH + int((tail**2).mean(axis=1).argmin()) * (RATE // 10)
        pieces.append(sound[:at])
        sound = sound[at:]
    return [*pieces, sound]


def judged(result: Any) -> Said:
    """Whisper hears words in anything: those that it does not believe itself are none."""
    words = text(result.sequences[0]).strip()
    coded = words.encode()
    repeats = len(coded) > REPEATED * len(zlib.compress(coded))
    unsure = bool(result.scores[0] < UNSURE)
    if not words or (unsure and result.no_speech_prob > SILENT):
        return Said("", True)
    return Said(words, not unsure and not repeats)


def answer(whisper: Whisper, inbox: Inbox, jobs: list[tuple[int, bytes]]) -> None:
    """A job that is wrong is answered so, and the others without it."""
    try:
        utterances = [_utterance(payload) for _, payload in jobs]
        for (stream, _), said in zip(jobs, whisper.words(utterances), strict=True):
            answered = json.dumps({"text": said.text, "sure": said.sure})
            inbox.answer(stream, b"S", answered.encode())
    except Exception as error:
        if len(jobs) == 1:
            inbox.answer(jobs[0][0], b"E", str(error).encode())
        else:
            for job in jobs:
                answer(whisper, inbox, [job])


def _utterance(payload: bytes) -> tuple[NDArray[np.float32], str]:
    head, _, pcm = payload.partition(b"\n")
    sound = np.frombuffer(pcm, "<i2", len(pcm) // 2).astype(np.float32) / np.float32(32768)
    return sound, json.loads(head)["language"]


def main() -> None:
    folder = Path(sys.argv[1])
    try:
        whisper = Whisper(folder)
        # The first run is the slowest; nobody waits for this one.
        whisper.words([(np.zeros(RATE, np.float32), "en")])
    except Exception as error:
        sys.exit(f"The whisper model {folder} cannot be used: {error}")
    inbox = Inbox()
    inbox.start()
    while (jobs := inbox.take(TOGETHER)) is not None:
        answer(whisper, inbox, jobs)


if __name__ == "__main__":
    main()
