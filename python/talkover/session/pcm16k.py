"""PCM at 16 kHz to the 24 kHz that sessions hear and speak, and back; chunks join seamlessly."""

from __future__ import annotations

import array
from functools import cache

from .taps import native, scaled, sinc, third


class Raise:
    """16 kHz in, 24 kHz out, later by three samples; what is short of a pair waits."""

    def __init__(self) -> None:
        self._line = array.array("h", bytes(2 * 5))

    def push(self, pcm: bytes) -> bytes:
        line = self._line
        line += native(array.array("h", pcm))
        count = max(0, (len(line) - 5) // 2)
        windows = [line[n : n + 2 * count : 2] for n in range(7)]
        self._line = line[2 * count :]
        p, q, r, s, t, u = third()
        out = array.array("h", bytes(2 * 3 * count))
        out[0::3] = windows[2]
        # Unrolled, as a loop within it would cost several times as much.
        out[1::3] = array.array("h", [
            _fit((a * u + b * t + c * s + d * r + e * q + f * p) >> 14)
            for a, b, c, d, e, f in zip(*windows[:6], strict=True)
        ])  # fmt: skip
        out[2::3] = array.array("h", [
            _fit((a * p + b * q + c * r + d * s + e * t + f * u) >> 14)
            for a, b, c, d, e, f in zip(*windows[1:], strict=True)
        ])  # fmt: skip
        return native(out).tobytes()


class Lower:
    """24 kHz in, 16 kHz out; what is short of three samples waits for the next chunk."""

    def __init__(self) -> None:
        self._line = array.array("h", bytes(2 * 10))

    def push(self, pcm: bytes) -> bytes:
        line = self._line
        line += native(array.array("h", pcm))
        count = max(0, (len(line) - 10) // 3)
        windows = [line[n : n + 3 * count : 3] for n in range(12)]
        self._line = line[3 * count :]
        out = array.array("h", bytes(2 * 2 * count))
        a, b, c, d, e, g = _on()
        out[0::2] = array.array("h", [
            _fit((
                (h + r) * a + (i + q) * b + (j + p) * c + (k + o) * d + (m + n) * e + x * g
            ) >> 14)
            for h, i, j, k, m, x, n, o, p, q, r in zip(*windows[:11], strict=True)
        ])  # fmt: skip
        a, b, c, d, e = _between()
        out[1::2] = array.array("h", [
            _fit((
                (h + q) * a + (i + p) * b + (j + o) * c + (k + n) * d + (m + x) * e
            ) >> 14)
            for h, i, j, k, m, x, n, o, p, q in zip(*windows[2:], strict=True)
        ])  # fmt: skip
        return native(out).tobytes()


def _fit(level: int) -> int:
    return -32768 if level < -32768 else 32767 if level > 32767 else level


@cache
def _on() -> tuple[int, ...]:
    """Half of a low-pass of 11 taps around a sample, its middle last: 7.2 kHz, in 1/16384."""
    return scaled([sinc(n - 5, 0.6, 6.0) for n in range(11)])[:6]


@cache
def _between() -> tuple[int, ...]:
    """Half of the same of 10 taps, around the middle of two samples."""
    return scaled([sinc(n - 4.5, 0.6, 6.0) for n in range(10)])[:5]
