"""What became of known sentences on their way: when each was heard, what is missing, what a
recogniser makes of it.

A sentence is found in what was heard by cross-correlation. Sound is 16 kHz.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from talkover.engines.base import Words
from talkover.engines.demo.ear import PocketsphinxEar

RATE = 16000
FRAME = RATE // 50
MOST_DELAY_S = 2.5
"""From a sentence's first sample to its arrival; later it is not looked for."""
EARLY_S = 0.1
"""Clocks of arrivals are true to a packet or two."""
ALIKE = 0.3
"""Of 0 to 1; sound that is not the sentence stays below 0.2."""
VOICED_DB = 30.0
"""A frame of the sentence that is not further below its loudest has to be heard."""
SILENT_DB = -60.0
"""Of full scale: a frame below is missing. The microphone's noise is at -69, speech near -25."""
BEFORE_S, AFTER_S = 0.25, 0.45
"""Of silence around a sentence, for the recogniser."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sentence:
    """`began` is its first sample's second on the tape; `samples` as it was spoken."""

    text: str
    began: float
    samples: Floats


@dataclass(frozen=True, slots=True)
class Sound:
    """All that was heard, and when each 5 ms of it came, in the seconds of the tape."""

    samples: Floats
    times: Floats

    def index(self, at: float) -> int:
        """The first sample that came then or later."""
        return int(np.searchsorted(self.times, at)) * (RATE // 200)


@dataclass(frozen=True, slots=True)
class Found:
    """A sentence in what was heard. `delay_s` is none where the sentence was not recognisable as
    sound; `missing` of its `voiced` frames of 20 ms are silent; `pcm` is for a recogniser."""

    delay_s: float | None
    voiced: int
    missing: int
    pcm: bytes


def look(sentences: Sequence[Sentence], sound: Sound) -> list[Found]:
    """Each sentence's fate. One that is nowhere is taken to be where the others would have it."""
    places = [_place(sentence, sound) for sentence in sentences]
    offsets = [
        place - round(sentence.began * RATE)
        for place, sentence in zip(places, sentences, strict=True)
        if place is not None
    ]
    usual = round(float(np.median(offsets))) if offsets else None
    found: list[Found] = []
    for place, sentence in zip(places, sentences, strict=True):
        delay = None if place is None else float(sound.times[place // 80]) - sentence.began
        if place is None and usual is not None:
            place = round(sentence.began * RATE) + usual
        found.append(_found(sentence, sound, delay, place))
    return found


def _place(sentence: Sentence, sound: Sound) -> int | None:
    """The sample of `sound` at which the sentence begins."""
    began, size = sentence.began, len(sentence.samples)
    first = sound.index(began - EARLY_S)
    last = sound.index(began + MOST_DELAY_S) + size
    part = sound.samples[first:last]
    if len(part) <= size:
        return None
    count = 1 << (len(part) + size).bit_length()
    spectrum = np.fft.rfft(part, count) * np.conj(np.fft.rfft(sentence.samples, count))
    product = np.fft.irfft(spectrum, count)[: len(part) - size]
    sums = np.concatenate(([0.0], np.cumsum(part**2)))
    energy = np.maximum(sums[size:-1] - sums[: -size - 1], 1.0)
    alike = product / np.sqrt(energy * (sentence.samples**2).sum())
    best = int(alike.argmax())
    return first + best if alike[best] >= ALIKE else None


def _found(sentence: Sentence, sound: Sound, delay: float | None, place: int | None) -> Found:
    spoken = _levels(sentence.samples)
    voiced = spoken >= spoken.max() - VOICED_DB
    size = len(sentence.samples)
    if place is None:
        return Found(delay, int(voiced.sum()), int(voiced.sum()), b"")
    silent = _levels(_cut(sound.samples, place, place + size)) < SILENT_DB
    around = (place - round(BEFORE_S * RATE), place + size + round(AFTER_S * RATE))
    pcm = _cut(sound.samples, *around).astype(np.int16).tobytes()
    return Found(delay, int(voiced.sum()), int((voiced & silent).sum()), pcm)


def _cut(samples: Floats, first: int, last: int) -> Floats:
    """With zeros for what lies outside."""
    out = np.zeros(last - first)
    inside = slice(min(max(first, 0), len(samples)), min(max(last, 0), len(samples)))
    part = samples[inside]
    if len(part):
        out[inside.start - first : inside.start - first + len(part)] = part
    return out


def _levels(samples: Floats) -> Floats:
    """Of each 20 ms, dB of full scale."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return 10 * np.log10((frames**2).mean(axis=1) / 32768.0**2 + 1e-12)


def word_errors(said: str, understood: str) -> int:
    """Words put wrong, left out and put in (Levenshtein)."""
    wanted, got = said.split(), understood.split()
    row = list(range(len(got) + 1))
    for n, word in enumerate(wanted, 1):
        before, row[0] = row[0], n
        for k, other in enumerate(got, 1):
            before, row[k] = row[k], min(row[k] + 1, row[k - 1] + 1, before + (word != other))
    return row[-1]


async def understood(clips: Sequence[bytes], at_once: int) -> list[str]:
    """What the embedded recogniser makes of each, in `at_once` processes. EngineError."""
    ears = [PocketsphinxEar() for _ in range(at_once)]
    texts = [""] * len(clips)

    async def listen(ear: PocketsphinxEar, first: int) -> None:
        await ear.warm()
        for n in range(first, len(clips), at_once):
            if not clips[n]:
                continue
            stream = ear.open("en", _ignore)
            stream.feed(clips[n])
            texts[n] = (await stream.finish()).text
            stream.close()

    try:
        await asyncio.gather(*(listen(ear, n) for n, ear in enumerate(ears)))
    finally:
        for ear in ears:
            await ear.close()
    return texts


def _ignore(words: Words) -> None:
    """Only whole utterances count."""
