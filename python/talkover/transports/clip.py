"""What the caller says: a sentence in a synthetic voice, cut so that its ends are known."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

from ..engines.demo.voice import EspeakVoice
from ..errors import InputError, TalkoverError
from ..media.loudness import loudness

RATE = 24000
PEAK = 14000
VOICED = 0.02
"""RMS of 10 ms, of full scale."""
DETECTED_S = 0.2
"""Of voice, after which a client's own detector is sure; shorter would be a cough."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Mono s16le at 24 kHz, from the first voiced sample to the last."""

    pcm: bytes

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / RATE

    @property
    def noticed(self) -> float:
        """Seconds after which a voice detector that wants `DETECTED_S` of voice has it."""
        voiced = 0.0
        for n, loud in enumerate(_voiced(array("h", self.pcm)), 1):
            voiced += 0.01 * loud
            if voiced >= DETECTED_S - 1e-9:
                return n * 0.01
        return self.seconds

    def at(self, rate: int) -> bytes:
        """The same, resampled."""
        return resampled(self.pcm, RATE, rate)


def cut(pcm: bytes, rate: int) -> Clip:
    """A clip of a sound: resampled, made loud, without the silence around it. InputError."""
    samples = array("h", resampled(pcm, rate, RATE))
    loudest = max(map(abs, samples), default=0)
    if loudest == 0:
        raise InputError("There is no voice in that sound; give one with a voice.")
    samples = array("h", (round(s * PEAK / loudest) for s in samples))
    loud = [n for n, voiced in enumerate(_voiced(samples)) if voiced]
    step = RATE // 100
    return Clip(samples[loud[0] * step : (loud[-1] + 1) * step].tobytes())


def resampled(pcm: bytes, rate: int, to: int) -> bytes:
    """Linear; a voice for a detector and a scripted recogniser needs no better."""
    if rate == to:
        return pcm
    samples = array("h", pcm)
    count = len(samples) * to // rate
    made = array("h", bytes(2 * count))
    last = len(samples) - 1
    for n in range(count):
        place, part = divmod(n * rate, to)
        one, next = samples[place], samples[min(place + 1, last)]
        made[n] = one + (next - one) * part // to
    return made.tobytes()


async def spoken(text: str) -> Clip:
    """`text` in the demo's voice. InputError where that is not installed."""
    voice = EspeakVoice()
    try:
        pieces = [piece async for piece in voice.speak(text, voice=None, language="en")]
    except TalkoverError as error:
        raise InputError(
            f'The caller\'s voice cannot be made ({error.message}); pip install "talkover[demo]".'
        ) from None
    finally:
        await voice.close()
    return cut(b"".join(piece.pcm for piece in pieces), pieces[0].rate)


def _voiced(samples: array[int]) -> list[bool]:
    step = RATE // 100
    whole = samples[: len(samples) // step * step].tobytes()
    return [math.sqrt(energy) / 32768 >= VOICED for energy in loudness(whole, step)]
