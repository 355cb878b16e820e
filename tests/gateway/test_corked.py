"""Frames of one moment leave together, and none is lost or waits for long."""

from __future__ import annotations

import asyncio

from talkover.gateway.corked import MOST, Corked


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_frames_of_one_round_leave_in_one_piece_and_those_of_the_next_in_another():
    wire = Wire()
    corked = Corked(wire)
    for frame in (b"a", b"b", b"c"):
        corked.write(frame)
    await asyncio.sleep(0)
    assert wire.sent == [b"abc"]
    corked.write(b"d")
    await asyncio.sleep(0)
    assert wire.sent == [b"abc", b"d"]


async def test_what_is_long_is_not_kept_back():
    wire = Wire()
    corked = Corked(wire)
    for _ in range(5):
        corked.write(bytes(MOST // 2))
    assert len(b"".join(wire.sent)) > MOST


async def test_all_of_it_leaves_before_the_socket_is_closed():
    wire = Wire()
    corked = Corked(wire)
    for frame in (b"a", b"b", b"c"):
        corked.write(frame)
    corked.close()
    assert wire.sent == [b"abc"] and corked.is_closing()
    await asyncio.sleep(0)
    assert len(wire.sent) == 1


async def test_what_was_gathered_for_a_socket_that_broke_is_dropped():
    wire = Wire()
    corked = Corked(wire)
    corked.write(b"a")
    wire.close()
    await asyncio.sleep(0)
    assert wire.sent == []
