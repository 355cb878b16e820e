"""Sounds that are no speech to the agent: pink noise, babble, music, and what a person's mouth and
desk do. All are made from a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from .speech import PEAK, RATE, Clip, Samples

Floats = npt.NDArray[np.float64]

CHORDS = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))
"""Am, F, C, G, as MIDI notes."""
BEAT_S = 60 / 112
BREATH_HZ = (400.0, 3500.0)


def rms(samples: npt.NDArray[np.generic]) -> float:
    return float(np.sqrt((samples.astype(np.float64) ** 2).mean()))


def scaled(sound: npt.NDArray[np.generic], level: float) -> Floats:
    """The same sound at an RMS of `level`."""
    return sound.astype(np.float64) * (level / rms(sound))


def pink(samples: int, seed: int) -> Floats:
    """As much power in each octave, from 20 Hz on."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=samples))
    frequency = np.fft.rfftfreq(samples, 1 / RATE)
    spectrum *= np.where(frequency < 20, 0, 1 / np.sqrt(np.maximum(frequency, 20)))
    return np.fft.irfft(spectrum, samples)


def babble(samples: int, seed: int, voices: Sequence[Sequence[Samples]]) -> Floats:
    """Everybody talks at once: each voice says its own clips over and over, all equally loud."""
    rng = np.random.default_rng(seed)
    mixed = np.zeros(samples)
    for clips in voices:
        order = rng.permutation(len(clips))
        gap = np.zeros(RATE // 5)
        talk = np.concatenate([np.concatenate([clips[n], gap]) for n in order])
        times = -(-samples // len(talk)) + 1
        start = int(rng.integers(len(talk)))
        mixed += scaled(np.tile(talk, times)[start : start + samples], 1.0)
    return mixed


def music(samples: int, seed: int) -> Floats:
    """Chords, a bass, a tune over them, and drums, in four-four time."""
    rng = np.random.default_rng(seed)
    song = np.zeros(samples + RATE * 4)
    for beat in range(int(samples / RATE / BEAT_S) + 1):
        at = round(beat * BEAT_S * RATE)
        chord = CHORDS[beat // 4 % len(CHORDS)]
        if beat % 4 == 0:
            for note in chord:
                _add(song, at, 0.25 * _note(note, 4 * BEAT_S))
            _add(song, at, 0.5 * _note(chord[0] - 24, 4 * BEAT_S))
        for half in (0.0, 0.5):
            if rng.random() < 0.7:
                tune = int(rng.choice(chord)) + 12
                _add(song, at + round(half * BEAT_S * RATE), 0.35 * _note(tune, BEAT_S / 2))
            _add(song, at + round(half * BEAT_S * RATE), 0.15 * _hiss(rng, 0.03, 6000, 11000))
        _add(song, at, _kick() if beat % 2 == 0 else 0.6 * _hiss(rng, 0.12, 200, 8000))
    return song[:samples]


def cough(seed: int) -> Clip:
    """A burst of breath, a voiced middle, and a second, weaker burst."""
    rng = np.random.default_rng(seed)
    first, second = _hiss(rng, 0.16, *BREATH_HZ), 0.6 * _hiss(rng, 0.14, *BREATH_HZ)
    voiced = 0.3 * _voiced(rng.uniform(120, 180), 0.16)
    gap = np.zeros(round(rng.uniform(0.03, 0.08) * RATE))
    return _clip("cough", np.concatenate([first + voiced, gap, second]))


def click(seed: int) -> Clip:
    """A mouse button: down, and up again."""
    rng = np.random.default_rng(seed)
    gap = np.zeros(round(rng.uniform(0.06, 0.12) * RATE))
    down, up = _hiss(rng, 0.006, 800, 9000), 0.5 * _hiss(rng, 0.005, 800, 9000)
    return _clip("click", np.concatenate([down, gap, up]))


def typing(seed: int) -> Clip:
    """Keys for a second and a half."""
    rng = np.random.default_rng(seed)
    keys = np.zeros(round(1.5 * RATE) + RATE)
    at = 0.0
    while at < 1.5:
        key = rng.uniform(0.5, 1.0) * _hiss(rng, 0.02, 300, 7000)
        _add(keys, round(at * RATE), key)
        at += rng.uniform(0.07, 0.2)
    return _clip("typing", keys[: round(1.5 * RATE)])


def laughter(seed: int) -> Clip:
    """Half voice and half breath, five times a second, falling."""
    rng = np.random.default_rng(seed)
    pitch = rng.uniform(180, 320)
    bursts: list[Floats] = []
    for n in range(5):
        voiced = _voiced(pitch * 0.95**n, 0.11)
        breath = _hiss(rng, 0.11, *BREATH_HZ)[: len(voiced)]
        bursts += [0.9**n * (0.6 * voiced + 0.4 * breath), np.zeros(round(0.09 * RATE))]
    return _clip("laughter", np.concatenate(bursts))


def tone(seed: int) -> Clip:
    """A device that beeps."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(0.35 * RATE)) / RATE
    return _clip("tone", np.sin(2 * np.pi * rng.uniform(600, 1800) * time))


BURSTS: dict[str, Callable[[int], Clip]] = {
    "cough": cough, "click": click, "typing": typing, "laughter": laughter, "tone": tone,
}  # fmt: skip


def _clip(voice: str, sound: Floats) -> Clip:
    return Clip(voice, (sound * (PEAK / np.abs(sound).max())).astype(np.int16))


def _add(song: Floats, at: int, sound: Floats) -> None:
    room = max(0, min(len(sound), len(song) - at))
    song[at : at + room] += sound[:room]


def _note(midi: int, seconds: float) -> Floats:
    """A plucked string: harmonics that die away, the high ones first."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 440 * 2 ** ((midi - 69) / 12)
    made = np.zeros(len(time))
    for n in range(1, 9):
        made += np.sin(2 * np.pi * n * pitch * time) / n * np.exp(-(1 + n) * time)
    return made * np.minimum(1, time / 0.005)


def _kick() -> Floats:
    time = np.arange(round(0.18 * RATE)) / RATE
    sweep = 2 * np.pi * np.cumsum(50 + 100 * np.exp(-30 * time)) / RATE
    return 1.5 * np.sin(sweep) * np.exp(-18 * time)


def _hiss(rng: np.random.Generator, seconds: float, low: float, high: float) -> Floats:
    """Noise of a band that begins at once and dies away."""
    count = max(64, round(seconds * RATE))
    spectrum = np.fft.rfft(rng.normal(size=count))
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    spectrum[(frequency < low) | (frequency > high)] = 0
    made = np.fft.irfft(spectrum, count)
    return made / np.abs(made).max() * np.exp(-3 * np.arange(count) / count)


def _voiced(pitch: float, seconds: float) -> Floats:
    """An open vowel: harmonics shaped by two formants."""
    time = np.arange(round(seconds * RATE)) / RATE
    made = np.zeros(len(time))
    for n in range(1, int(4000 / pitch)):
        frequency = n * pitch
        gain = sum(1 / (1 + ((frequency - at) / 120) ** 2) for at in (750, 1200))
        made += gain * np.sin(2 * np.pi * frequency * time + n)
    shape = np.sin(np.pi * np.arange(len(time)) / len(time)) ** 0.5
    return made / np.abs(made).max() * shape
