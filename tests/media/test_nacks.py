"""A caller who asks for lost packets as nobody honest does, over real sockets."""

from __future__ import annotations

import struct
from typing import Any

from other_caller import OtherCaller, noise, until

from talkover import _core

PICTURE = noise(320, 240)
PACKETS = len(PICTURE) // 1100 + 1
FLOOD = 200
"""Requests, each for all packets of the picture, over and over."""
OTHERS = 150
"""Of the call itself meanwhile: reports, acknowledgements, checks."""


async def test_who_asks_for_the_same_packets_over_and_over_gets_them_once_more_and_no_more():
    media, caller = _core.Media("127.0.0.1", 0), OtherCaller("VP8")
    try:
        peer, answer = media.answer(await caller.offer())
        await caller.accept(answer)
        await until(caller.open.is_set)
        began = out(media)
        peer.show(PICTURE)
        # Each picture is sent twice.
        await until(lambda: out(media) >= began + 2 * PACKETS)
        receiver: Any = caller.video.receiver
        streams = receiver._RTCRtpReceiver__remote_streams.items()
        seen = {ssrc: stream.max_seq for ssrc, stream in streams}
        before = out(media)
        for _ in range(FLOOD):
            for ssrc, last in seen.items():
                await receiver._send_rtcp(nack(ssrc, last))
        caller.channel.send("done")
        await until(lambda: any(item[0] == "text" for item in media.drain()))
        again = out(media) - before
        assert PACKETS < again < 2 * PACKETS + OTHERS
    finally:
        await caller.peer.close()
        media.close()


def out(media: _core.Media) -> int:
    return int(media.stats()["packets_out"])


def nack(ssrc: int, last: int) -> bytes:
    """All packets up to `last`, as often as there is room (RFC 4585 §6.2.1)."""
    starts = [(last - 16 - n) & 0xFFFF for n in range(0, PACKETS, 17)]
    once = b"".join(struct.pack("!HH", start, 0xFFFF) for start in starts)
    entries = once * (1200 // len(once))
    length = 2 + len(entries) // 4
    return struct.pack("!BBHII", 0x81, 205, length, 1, ssrc) + entries
