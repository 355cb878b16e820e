"""G.711 (µ-law and A-law, 8 kHz) to the 24 kHz that sessions hear and speak, and back."""

from __future__ import annotations

import array
from functools import cache
from typing import Literal

from .taps import native, scaled, sinc, third

Law = Literal["audio/pcmu", "audio/pcma"]

_RATIO = 3


class Expander:
    """G.711 in, PCM at 24 kHz out, later by three samples; chunks join without a seam."""

    def __init__(self, law: Law) -> None:
        self.law = law
        self._levels = _levels(law)
        self._before = [0] * 5

    def push(self, sound: bytes) -> bytes:
        levels = self._levels
        line = self._before + [levels[byte] for byte in sound]
        self._before = line[-5:]
        out = array.array("h", bytes(2 * _RATIO * len(sound)))
        windows = [line[n : n + len(sound)] for n in range(6)]
        p, q, r, s, t, u = third()
        out[0::3] = array.array("h", windows[2])
        # Unrolled, because a loop within it would cost a tenth of a core per call.
        out[1::3] = array.array("h", [
            max(-32768, min(32767, (a * p + b * q + c * r + d * s + e * t + f * u) >> 14))
            for a, b, c, d, e, f in zip(*windows, strict=True)
        ])  # fmt: skip
        out[2::3] = array.array("h", [
            max(-32768, min(32767, (a * u + b * t + c * s + d * r + e * q + f * p) >> 14))
            for a, b, c, d, e, f in zip(*windows, strict=True)
        ])  # fmt: skip
        return native(out).tobytes()


class Compressor:
    """PCM at 24 kHz in, G.711 out; what is short of a whole sample waits for the next chunk."""

    def __init__(self, law: Law) -> None:
        self._codes = _codes(law)
        self._line = array.array("h", bytes(2 * 12))

    def push(self, pcm: bytes) -> bytes:
        line, codes = self._line, self._codes
        line += native(array.array("h", pcm))
        count = max(0, (len(line) - 13) // _RATIO + 1)
        windows = [line[n : n + count * _RATIO : _RATIO] for n in range(13)]
        self._line = line[count * _RATIO :]
        p, q, r, s, t, u, v = _low_pass()
        return bytes([
            codes[max(0, min(16383, 8192 + (
                (a + m) * p + (b + o) * q + (c + k) * r + (d + j) * s + (e + i) * t
                + (f + h) * u + g * v >> 16)))]
            for a, b, c, d, e, f, g, h, i, j, k, o, m in zip(*windows, strict=True)
        ])  # fmt: skip


@cache
def _low_pass() -> tuple[int, ...]:
    """The first half and the middle of 13 taps that let 3.4 kHz pass, in 1/16384."""
    return scaled([sinc(n - 6, 0.28, 7.0) for n in range(13)])[:7]


@cache
def _levels(law: Law) -> list[int]:
    """The sample behind each code (ITU-T G.711, tables 1a and 2a)."""
    return [_mu(code) if law == "audio/pcmu" else _a(code) for code in range(256)]


def _mu(code: int) -> int:
    code = ~code & 0xFF
    level = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -level if code & 0x80 else level


def _a(code: int) -> int:
    code ^= 0x55
    level, segment = (code & 0x0F) << 4, (code & 0x70) >> 4
    level = level + 8 if segment == 0 else level + 0x108 << segment - 1
    return level if code & 0x80 else -level


@cache
def _codes(law: Law) -> bytes:
    """The nearest code of each 14-bit level, from -8192 on."""
    known = sorted((level, code) for code, level in enumerate(_levels(law)))
    codes, n = bytearray(), 0
    for level in range(-32768, 32768, 4):
        while n + 1 < len(known) and abs(known[n + 1][0] - level) <= abs(known[n][0] - level):
            n += 1
        codes.append(known[n][1])
    return bytes(codes)
