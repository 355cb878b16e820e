"""A caller made of others' software: aiortc, on loopback."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import aioice.ice
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
    VideoStreamTrack,
)
from av import CodecContext, VideoFrame

# aioice leaves loopback out, and tests stay on it.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Film(VideoStreamTrack):
    """One colour, 64 by 48, thirty times a second; `luma`, `u`, `v`."""

    def __init__(self, luma: int, u: int, v: int) -> None:
        super().__init__()
        self.frame = VideoFrame(64, 48, "yuv420p")
        for plane, value in zip(self.frame.planes, (luma, u, v), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        self.frame.time_base = Fraction(1, 90_000)

    async def recv(self) -> VideoFrame:
        self.frame.pts, _ = await self.next_timestamp()
        return self.frame


def noise(width: int, height: int) -> bytes:
    """A lossy WebP of which little can be left out."""
    frame, chance = VideoFrame(width, height, "yuv420p"), random.Random(1)
    for plane in frame.planes:
        plane.update(chance.randbytes(plane.buffer_size))
    encoder: Any = CodecContext.create("libwebp", "w")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1)
    frame.pts = 0
    return b"".join(bytes(part) for part in (*encoder.encode(frame), *encoder.encode(None)))


class OtherCaller:
    """Voice, an events' channel and a camera; `codec` is all it has for that."""

    def __init__(self, codec: str, film: Film | None = None) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peer.addTransceiver("audio")
        self.video = self.peer.addTransceiver(film or "video")
        known = RTCRtpReceiver.getCapabilities("video")
        assert known is not None
        wanted = (f"video/{codec}".lower(), "video/rtx")
        self.video.setCodecPreferences([c for c in known.codecs if c.mimeType.lower() in wanted])
        self.channel = self.peer.createDataChannel("oai-events")
        self.open = asyncio.Event()
        self.channel.on("open", self.open.set)

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))


async def until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what tells nobody that it came."""
    for _ in range(round(seconds * 50)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError
