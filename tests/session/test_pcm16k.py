"""A tone keeps its level and its pitch between 16 and 24 kHz, however it is cut into pieces."""

from __future__ import annotations

import array
import math

import pytest

from talkover.session.pcm16k import Lower, Raise


def tone(hz: float, rate: int) -> bytes:
    step = 2 * math.pi * hz / rate
    return array.array("h", [round(9000 * math.sin(step * n)) for n in range(rate)]).tobytes()


def purity(pcm: bytes, hz: float, rate: int) -> tuple[float, float]:
    """Level of the tone, and the root mean square of all else."""
    samples, step = array.array("h", pcm)[50:], 2 * math.pi * hz / rate
    a = 2 / len(samples) * sum(x * math.cos(step * n) for n, x in enumerate(samples))
    b = 2 / len(samples) * sum(x * math.sin(step * n) for n, x in enumerate(samples))
    rest = [
        x - a * math.cos(step * n) - b * math.sin(step * n) for n, x in enumerate(samples)
    ]  # fmt: skip
    return math.hypot(a, b), math.sqrt(sum(x * x for x in rest) / len(rest))


@pytest.mark.parametrize("hz", [300, 1000, 3000])
@pytest.mark.parametrize(("made", "rate", "to"), [(Raise, 16000, 24000), (Lower, 24000, 16000)])
def test_a_voice_comes_through(
    made: type[Raise] | type[Lower], rate: int, to: int, hz: float
) -> None:
    sound, filter = tone(hz, rate), made()
    pieces = [filter.push(sound[at : at + 666]) for at in range(0, len(sound), 666)]
    pcm = b"".join(pieces)
    assert len(pcm) // 2 == pytest.approx(to, abs=12)
    level, rest = purity(pcm, hz, to)
    assert level == pytest.approx(9000, rel=0.02)
    assert rest < 90
    assert pcm == made().push(sound)[: len(pcm)]


def test_what_16_khz_cannot_hold_is_kept_out() -> None:
    samples = array.array("h", Lower().push(tone(9500, 24000)))[50:]
    assert math.sqrt(sum(x * x for x in samples) / len(samples)) < 9000 / 2**0.5 / 12
