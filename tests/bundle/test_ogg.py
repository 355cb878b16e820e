"""Ogg Opus files that a player plays, and packets of a network on the time axis of a call."""

from __future__ import annotations

import struct
from io import BytesIO
from random import Random

import pytest
from bundle.sound import decoded, level, tone

from talkover._core import encode_opus
from talkover.bundle.lane import Lane
from talkover.bundle.ogg import OggOpus, checksum, duration

PACKETS = encode_opus(tone(4))


def played(*takes: tuple[float, int, bytes], ends: float) -> bytes:
    """A lane that took packets at (seconds, ticks)."""
    out = BytesIO()
    lane = Lane(out, 1)
    for at, ticks, packet in takes:
        lane.take(at, ticks, packet)
    lane.close(ends)
    return out.getvalue()


def sent(start: float, numbers: range, zero: int = 5_000_000) -> list[tuple[float, int, bytes]]:
    """Packets of a sender that began at `start`."""
    return [(start + n * 0.02, zero + n * 960, PACKETS[n]) for n in numbers]


def test_a_file_lasts_as_long_as_its_packets_and_sounds_like_them() -> None:
    out = BytesIO()
    ogg = OggOpus(out, 7)
    for packet in PACKETS[:100]:
        ogg.write(packet)
    ogg.close()
    sound = decoded(out.getvalue())
    assert len(sound) / 48_000 == pytest.approx(2.0, abs=0.008)
    assert level(sound, 0.1, 1.9) == pytest.approx(9000 / 32768 / 2**0.5, rel=0.1)


def test_a_page_has_the_sum_that_readers_check() -> None:
    # From RFC 3533's polynomial, bit by bit.
    def slowly(page: bytes) -> int:
        crc = 0
        for byte in page:
            crc ^= byte << 24
            for _ in range(8):
                crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
        return crc

    for length in (0, 1, 27, 5000):
        page = Random(length).randbytes(length)
        assert checksum(page) == slowly(page)


@pytest.mark.parametrize(
    ("packet", "ticks"),
    [
        (b"\xf8\xff\xfe", 960), (b"\x08x", 960), (b"\x18x", 2880), (b"\xe0x", 120),
        (b"\xf9xx", 1920), (b"\xfb\x03xxx", 2880), (b"", None), (b"\xfb", None),
        (b"\xfb\x00", None), (b"\x1b\x3f", None),
    ],
)  # fmt: skip
def test_a_packet_tells_its_length(packet: bytes, ticks: int | None) -> None:
    assert duration(packet) == ticks


def test_what_was_not_sent_is_silence_of_the_same_length() -> None:
    takes = sent(0.5, range(50)) + sent(0.5, range(100, 150))
    sound = decoded(played(*takes, ends=5.0))
    assert len(sound) / 48_000 == pytest.approx(5.0, abs=0.01)
    assert level(sound, 0.55, 1.45) > 0.15 and level(sound, 2.55, 3.45) > 0.15
    for since, until in ((0.0, 0.48), (1.6, 2.48), (3.6, 4.98)):
        assert level(sound, since, until) < 0.001, (since, until)


def test_packets_that_come_out_of_order_or_twice_are_put_right() -> None:
    takes = sent(0.0, range(100))
    mixed = [one for n in range(0, 100, 4) for one in reversed(takes[n : n + 4])]
    doubled = [one for one in mixed for _ in range(2)]
    assert played(*doubled, ends=2.0) == played(*takes, ends=2.0)


def test_the_least_delayed_of_the_first_packets_sets_the_time() -> None:
    late = [(at + (0.08 if n < 5 else 0.0), *rest) for n, (at, *rest) in enumerate(
        sent(1.0, range(100)))]  # fmt: skip
    sound = decoded(played(*late, ends=3.0))
    assert level(sound, 0.0, 0.98) < 0.001 and level(sound, 1.02, 1.1) > 0.1


def test_a_sender_with_a_new_clock_goes_on_where_it_is_heard() -> None:
    takes = sent(0.0, range(50)) + sent(0.0, range(50, 100), zero=2**40)
    sound = decoded(played(*takes, ends=2.0))
    assert len(sound) / 48_000 == pytest.approx(2.0, abs=0.01)
    assert level(sound, 0.1, 1.95) > 0.15


def test_a_stall_of_the_network_is_no_silence_and_a_clock_that_stood_still_is() -> None:
    stalled = [(max(at, 2.5) if 1.0 < at else at, *rest) for at, *rest in sent(0.0, range(150))]
    sound = decoded(played(*stalled, ends=3.0))
    assert len(sound) / 48_000 == pytest.approx(3.0, abs=0.01) and level(sound, 1.0, 2.9) > 0.15
    stood = sent(0.0, range(50)) + sent(5.0, range(50, 100))
    sound = decoded(played(*stood, ends=7.0))
    assert level(sound, 1.2, 5.9) < 0.001 and level(sound, 6.05, 6.95) > 0.15


def test_what_was_sent_ahead_and_thrown_away_is_not_heard() -> None:
    out = BytesIO()
    lane = Lane(out, 1, ours=True)
    for n in range(60):  # 400 ms ahead of their time
        lane.take(n * 0.02, n * 960, PACKETS[n])
    quiet = encode_opus(bytes(48_000))
    for n in range(40, 80):  # after an interruption at 0.8 s
        lane.take(n * 0.02, n * 960, quiet[n - 40])
    lane.close(1.6)
    sound = decoded(out.getvalue())
    assert level(sound, 0.1, 0.75) > 0.15 and level(sound, 0.9, 1.6) < 0.01


def test_garbage_moves_nothing_on_the_time_axis() -> None:
    random = Random(4)
    takes = sent(0.0, range(50))
    garbage = [(at, ticks, random.randbytes(random.randrange(3))) for at, ticks, _ in takes]
    huge = (0.5, 5_000_000, b"\xfc" + bytes(70_000))
    file = played(*garbage, huge, *takes, ends=1.0)
    (granule,) = struct.unpack_from("<q", file, file.rindex(b"OggS") + 6)
    assert abs(granule - 48_000) <= 2 * 5760
