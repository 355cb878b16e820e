"""WAV files of every shape become the mono 16-bit audio of a call."""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path

import pytest

from talkover.cli.wav import read_wav, write_wav
from talkover.errors import InputError


def write(
    file: Path, frames: bytes, *, rate: int = 8000, width: int = 2, channels: int = 1
) -> Path:
    with wave.open(str(file), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(frames)
    return file


def packed(sample: float, width: int) -> bytes:
    whole = round(sample * (2 ** (8 * width - 1) - 1))
    return bytes([whole + 128]) if width == 1 else whole.to_bytes(width, "little", signed=True)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_any_rate_width_and_channels(tmp_path: Path, width: int, channels: int, rate: int):
    wanted = [math.sin(n / 7) / 2 for n in range(400)]
    frames = b"".join(packed(sample, width) * channels for sample in wanted)
    pcm, found = read_wav(
        write(tmp_path / "a.wav", frames, rate=rate, width=width, channels=channels)
    )
    assert found == rate
    samples = [sample / 32768 for sample in struct.unpack(f"<{len(pcm) // 2}h", pcm)]
    assert samples == pytest.approx(wanted, abs=0.012 if width == 1 else 0.001)


def test_channels_are_mixed(tmp_path: Path):
    file = write(tmp_path / "a.wav", struct.pack("<4h", 1000, 3000, -32768, -32768), channels=2)
    assert read_wav(file)[0] == struct.pack("<2h", 2000, -32768)


def test_what_is_written_is_read_again(tmp_path: Path):
    write_wav(tmp_path / "a.wav", b"\x01\x02" * 50, 16000)
    assert read_wav(tmp_path / "a.wav") == (b"\x01\x02" * 50, 16000)


@pytest.mark.parametrize("content", [None, b"", b"RIFF", b"no sound at all, only a long line"])
def test_what_is_no_wav_is_refused_in_one_line(tmp_path: Path, content: bytes | None):
    file = tmp_path / "a.wav"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError) as found:
        read_wav(file)
    assert "a.wav cannot be read as WAV" in found.value.message
    assert "\n" not in found.value.message


def test_an_impossible_rate_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="1000 samples a second"):
        read_wav(write(tmp_path / "a.wav", b"\0\0", rate=1000))
