"""Ogg Opus files (RFC 7845), written packet by packet."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

RATE = 48_000
"""Opus counts its time so, whatever it encodes."""
PRE_SKIP = 312
"""Samples by which encoders delay: a player takes them off again."""
PAGE = 50
"""Packets of a page: what a crash may cost, 1 s."""
MOST_LACED = 255

_FIRST, _LAST = 2, 4
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_SILENCE = {960: b"\xf8\xff\xfe", 480: b"\xf0\xff\xfe", 240: b"\xe8\xff\xfe", 120: b"\xe0\xff\xfe"}
"""By its length: the packet that is silence whatever came before it."""
STEP = min(_SILENCE)


class OggOpus:
    """One mono stream. `write` packets one after the other, then `close`; OSError as `out` does."""

    def __init__(self, out: BinaryIO, serial: int) -> None:
        self._out, self._serial = out, serial
        self._sequence = 0
        self._packets: list[bytes] = []
        self._laced = 0
        self.ticks = 0
        """48 kHz samples so far."""
        head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, PRE_SKIP, RATE, 0, 0)
        vendor = b"talkover"
        tags = struct.pack("<8sI", b"OpusTags", len(vendor)) + vendor + struct.pack("<I", 0)
        self._page([head], _FIRST)
        self._page([tags], 0)

    def write(self, packet: bytes) -> None:
        """A packet follows; one that says no length, or is too long for a page, is left out."""
        ticks = duration(packet)
        laces = len(packet) // 255 + 1
        if ticks is None or laces > MOST_LACED:
            return
        if len(self._packets) == PAGE or self._laced + laces > MOST_LACED:
            self._flush(0)
        self._packets.append(packet)
        self._laced += laces
        self.ticks += ticks

    def silence(self, ticks: int) -> None:
        """As much of this time as can be told: multiples of 2.5 ms."""
        for length, packet in _SILENCE.items():
            while ticks >= length:
                self.write(packet)
                ticks -= length

    def close(self) -> None:
        """Ends the stream; `out` stays open."""
        self._flush(_LAST)

    def _flush(self, flags: int) -> None:
        self._page(self._packets, flags)
        self._packets, self._laced = [], 0

    def _page(self, packets: list[bytes], flags: int) -> None:
        laces = b"".join(b"\xff" * (len(one) // 255) + bytes((len(one) % 255,)) for one in packets)
        start = struct.pack(
            "<4sBBqII", b"OggS", 0, flags, self.ticks, self._serial, self._sequence
        )  # fmt: skip
        rest = bytes((len(laces),)) + laces + b"".join(packets)
        crc = checksum(start + bytes(4) + rest)
        self._out.write(start + struct.pack("<I", crc) + rest)
        self._sequence += 1


def duration(packet: bytes) -> int | None:
    """48 kHz samples of a packet (RFC 6716 §3.1); None where it is none."""
    if not packet:
        return None
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        frame = (480, 960)[config & 1]
    else:
        frame = 120 << (config & 3)
    if code < 3:
        return frame * (1, 2, 2)[code]
    frames = packet[1] & 63 if len(packet) > 1 else 0
    return frame * frames if 0 < frame * frames <= 5760 else None


def checksum(page: bytes) -> int:
    """Ogg's CRC-32: the polynomial of zlib, its bits the other way round, and nothing inverted."""
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
