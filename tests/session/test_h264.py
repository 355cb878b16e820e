"""A caller whose software films with H.264 alone: one key frame, decoded when somebody looks."""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import av
import pytest
from other_caller import Film, OtherCaller, until

from talkover import Agent, Image
from talkover.cluster.sqlite import SqliteLog
from talkover.engines.registry import Choice
from talkover.errors import ConfigError, InputError
from talkover.media.port import MediaPort
from talkover.protocol.realtime import Codec
from talkover.session.h264 import decoded
from talkover.session.lobby import Lobby
from talkover.session.session import Session

RED = (81, 90, 240)


def key_frame(width: int, height: int) -> bytes:
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 30)
    frame = Film(*RED).frame.reformat(width=width, height=height)
    frame.pts = 0
    return b"".join(bytes(part) for part in (*encoder.encode(frame), *encoder.encode(None)))


def middle(webp: bytes) -> tuple[int, int, int]:
    """Red, green and blue in the middle of a picture."""
    decoder: Any = av.CodecContext.create("webp", "r")
    frames = decoder.decode(av.Packet(webp)) or decoder.decode(None)
    picture = frames[0].reformat(format="rgb24")
    row = picture.planes[0].line_size
    at = picture.height // 2 * row + picture.width // 2 * 3
    red, green, blue = bytes(picture.planes[0])[at : at + 3]
    return red, green, blue


def is_red(webp: bytes) -> bool:
    red, green, blue = middle(webp)
    return red > 200 and green < 60 and blue < 60


@pytest.mark.parametrize(("width", "height"), [(64, 48), (642, 362)])
def test_a_key_frame_becomes_a_lossy_webp_of_its_size_and_colour(width: int, height: int):
    still = decoded(key_frame(width, height))
    assert (still.width, still.height) == (width, height)
    assert still.webp[:4] == b"RIFF" and still.webp[8:16] == b"WEBPVP8 "
    assert is_red(still.webp)


def test_what_is_no_picture_says_so_and_ends_nothing():
    whole, chance = key_frame(64, 48), random.Random(7)
    broken = [b"", b"\0\0\0\1", chance.randbytes(500), whole[:20], whole[40:]]
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(6):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        broken += [bytes(damaged), whole[: chance.randrange(len(whole))]]
    refused = 0
    for data in broken:
        try:
            decoded(data)
        except InputError as error:
            refused += 1
            assert "cannot be decoded" in error.message
    assert refused > 100


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r'pip install "talkover\[h264\]"'):
        decoded(b"")


@asynccontextmanager
async def filmed() -> AsyncGenerator[Session]:
    """A call of such a caller, its camera on."""
    lobby = Lobby(MediaPort("127.0.0.1", 0), {"x": Agent("x")}, Choice(), SqliteLog(None, "here"))
    lobby.ready = True
    caller = OtherCaller("H264", Film(*RED))
    try:
        codec = Codec(extensions=False, audio_events=False)
        with lobby.place():
            session, answer = await lobby.call(await caller.offer(), lambda _: codec, config={})
        await caller.accept(answer)
        await until(lambda: session.video.on_request)
        yield session
    finally:
        await caller.peer.close()
        await lobby.close()


async def test_an_agent_sees_who_has_nothing_but_h264_and_shows_it_nothing():
    async with filmed() as session:
        picture = await session.video.look(20)
        assert picture is not None
        assert (picture.width, picture.height, picture.mime) == (64, 48, "image/webp")
        assert is_red(picture.data) and picture.at >= 0
        assert not await session.video.show(Image(picture.data))


async def test_without_the_extra_the_call_goes_on_without_pictures(
    monkeypatch: pytest.MonkeyPatch,
):
    async with filmed() as session:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "av", None)
            assert await session.video.look(20) is None
        assert not session.video.on_request, "the model is not offered to look"
        assert await session.video.look(20) is None
        assert not session.ended
