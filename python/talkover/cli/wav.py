"""WAV files of any rate, width and number of channels, as the mono 16-bit audio of a call."""

from __future__ import annotations

import sys
import wave
from array import array
from pathlib import Path

from ..errors import InputError


def read_wav(file: Path) -> tuple[bytes, int]:
    """Mono s16le and its rate in Hz. InputError for what is no such file."""
    try:
        with wave.open(str(file), "rb") as source:
            rate, channels = source.getframerate(), source.getnchannels()
            width = source.getsampwidth()
            frames = source.readframes(source.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise InputError(
            f"{file} cannot be read as WAV ({error or 'it is cut short'}); PCM with 16 bits can."
        ) from None
    if not 4000 <= rate <= 192_000:
        raise InputError(f"{file} has {rate} samples a second; use 4000 to 192000.")
    return _mono(_narrowed(frames, width), channels), rate


def write_wav(file: Path, pcm: bytes, rate: int) -> None:
    """Mono s16le as WAV. InputError where it cannot be written."""
    try:
        with wave.open(str(file), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes(pcm)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}.") from None


def _narrowed(frames: bytes, width: int) -> bytes:
    """Samples of 1 to 4 bytes as 16 bits: the two most significant bytes of each."""
    if width == 2:
        return frames
    narrow = bytearray(2 * (len(frames) // width))
    if width == 1:
        # The only width whose samples are unsigned.
        narrow[1::2] = bytes(sample ^ 0x80 for sample in frames)
    else:
        whole = frames[: len(frames) // width * width]
        narrow[0::2] = whole[width - 2 :: width]
        narrow[1::2] = whole[width - 1 :: width]
    return bytes(narrow)


def _mono(frames: bytes, channels: int) -> bytes:
    if channels == 1:
        return frames
    samples = array("h", frames[: len(frames) // (2 * channels) * 2 * channels])
    if sys.byteorder == "big":
        samples.byteswap()
    each = (samples[n::channels] for n in range(channels))
    mixed = array("h", (sum(frame) // channels for frame in zip(*each, strict=True)))
    if sys.byteorder == "big":
        mixed.byteswap()
    return mixed.tobytes()
