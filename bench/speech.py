"""Speech whose first and last sample are known: rendered or recorded, trimmed by level, taped."""

from __future__ import annotations

import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from talkover import _core
from talkover.engines.demo.voice import EspeakVoice

Samples = npt.NDArray[np.int16]

RATE = 24000
FLITE = ("rms", "slt", "awb", "kal")
VOICES = (*FLITE, "en-us", "en-gb")
"""Four of flite's, two of espeak-ng's."""
HUMAN = "human"
EDGE_DB = 35.0
"""Speech begins and ends where 5 ms of it are this far below its loudest 5 ms."""
PEAK = 12000
NOISE = 12.0
"""Of the microphone, RMS in samples: 69 dB below full scale."""
PROMPTS = Path("/usr/share/asterisk/sounds")


@dataclass(frozen=True, slots=True)
class Clip:
    """Trimmed speech: its first and last samples are its onset and its end."""

    voice: str
    samples: Samples

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE


def spoken(text: str, voice: str, folder: Path, seconds: float | None = None) -> Clip:
    """`text` in a voice, drawn out or pressed to `seconds` where given."""
    raw, made = folder / "raw.wav", folder / "made.wav"
    if voice in FLITE:
        command = ["flite", "-voice", voice, "-t", text, "-o", str(raw)]
    else:
        command = ["espeak-ng", "-v", voice, "-w", str(raw), text]
    subprocess.run(command, check=True, capture_output=True)
    _resample(raw, made)
    clip = Clip(voice, _trimmed(_read(made)))
    if seconds is None:
        return clip
    _write(raw, clip.samples)
    _resample(raw, made, "tempo", "-s", f"{clip.seconds / seconds:.4f}")
    return Clip(voice, _trimmed(_read(made)))


def recorded(name: str, language: str = "en") -> Clip:
    """A prompt that a person spoke, of Debian's asterisk-core-sounds-LANGUAGE-g722."""
    import av  # comes with aiortc; decodes G.722, which sox does not

    file = PROMPTS / language / f"{name}.g722"
    parts: list[npt.NDArray[np.int16]] = []
    with av.open(str(file), format="g722") as source:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        for frame in source.decode(audio=0):
            parts += [out.to_ndarray()[0] for out in resampler.resample(frame)]
        parts += [out.to_ndarray()[0] for out in resampler.resample(None)]
    return Clip(HUMAN, _trimmed(np.concatenate(parts)))


async def embedded(text: str, voice: EspeakVoice, name: str) -> Clip:
    """`text` in a voice of the embedded engine, which needs no program beside it."""
    parts = [said async for said in voice.speak(text, voice=name, language="en")]
    made = np.concatenate([np.frombuffer(said.pcm, np.int16) for said in parts])
    at = np.arange(0, len(made), parts[0].rate / RATE)
    return Clip(name, _trimmed(np.interp(at, np.arange(len(made)), made).astype(np.int16)))


class Tape:
    """What a microphone hears: silence with a little noise, and clips at known times."""

    def __init__(self, seed: int) -> None:
        self._noise = np.random.default_rng(seed)
        self._parts: list[Samples] = []
        self._cover: Samples | None = None
        self.seconds = 0.0

    def silence(self, seconds: float) -> Tape:
        return self._add(np.zeros(round(seconds * RATE), np.int16))

    def say(self, clip: Clip) -> tuple[float, float]:
        """Add it; when it begins and ends on this tape."""
        began = self.seconds
        self._add(clip.samples)
        return began, self.seconds

    @property
    def length(self) -> int:
        """Samples so far."""
        return sum(len(part) for part in self._parts)

    def cover(self, noise: npt.NDArray[np.float64]) -> None:
        """All of the tape, as long as it is now, has this in the background."""
        self._cover = noise.round().astype(np.int16)

    def samples(self) -> Samples:
        whole = np.concatenate(self._parts)
        if self._cover is None:
            return whole
        mixed = whole.astype(np.int32) + self._cover
        return np.clip(mixed, -32768, 32767).astype(np.int16)

    def packets(self) -> list[bytes]:
        return _core.encode_opus(self.samples().tobytes())

    def _add(self, samples: Samples) -> Tape:
        noise = self._noise.normal(0.0, NOISE, len(samples))
        self._parts.append(np.clip(samples + noise, -32768, 32767).astype(np.int16))
        self.seconds += len(samples) / RATE
        return self


def conversation(folder: Path, pause: float) -> Samples:
    """About 15 s of talk in four voices, for a tape that goes round."""
    tape = Tape(0)
    for n, voice in enumerate(VOICES[:4]):
        text = (
            "I would like to know when the next train leaves for the harbour",
            "the one in the morning was late again so I took the bus",
            "could you tell me whether there is a seat by the window",
            "we have plenty of time but the children are getting hungry",
        )[n]
        tape.say(spoken(text, voice, folder))
        tape.silence(pause)
    return tape.samples()


def save(file: Path, samples: Samples) -> None:
    """As WAV, 24 kHz."""
    _write(file, samples)


def save_at(file: Path, samples: Samples, rate: int) -> None:
    """As WAV at another rate."""
    raw = file.with_suffix(".raw.wav")
    _write(raw, samples)
    _resample(raw, file, rate=rate)


def _trimmed(samples: Samples) -> Samples:
    window = RATE // 200
    count = len(samples) // window
    frames = samples[: count * window].reshape(count, window).astype(np.float64)
    energy = (frames**2).mean(axis=1)
    loud = np.flatnonzero(energy >= energy.max() / 10 ** (EDGE_DB / 10))
    kept = samples[loud[0] * window : (loud[-1] + 1) * window].astype(np.float64)
    return (kept * (PEAK / np.abs(kept).max())).astype(np.int16)


def _resample(source: Path, made: Path, *effects: str, rate: int = RATE) -> None:
    command = ["sox", "-D", str(source), "-r", str(rate), "-c", "1", "-b", "16", str(made)]
    subprocess.run([*command, *effects], check=True, capture_output=True)


def _read(file: Path) -> Samples:
    with wave.open(str(file)) as source:
        return np.frombuffer(source.readframes(source.getnframes()), np.int16)


def _write(file: Path, samples: Samples) -> None:
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
