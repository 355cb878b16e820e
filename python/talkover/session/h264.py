"""A picture of a caller whose software films with H.264 alone: one key frame, decoded.

Nothing is decoded unless somebody looks, and then by PyAV, the extra `h264`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ..errors import ConfigError, InputError

MOST_PIXELS = 1 << 24
QUALITY = 75
"""Of the WebP, as browsers make it."""


@dataclass(frozen=True, slots=True)
class Still:
    """Size in pixels, and a lossy WebP file."""

    width: int
    height: int
    webp: bytes = field(repr=False)


def decoded(h264: bytes) -> Still:
    """The picture in a key frame with its parameter sets (H.264 Annex B); takes some 10 ms.

    For any thread. ConfigError without PyAV, InputError for what is no such frame.
    """
    try:
        av: Any = importlib.import_module("av")
    except ImportError:
        raise ConfigError(
            "This caller films with H.264 alone, and there is nothing here to decode it: "
            'pip install "talkover[h264]".'
        ) from None
    try:
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
        decoder.options = {"max_pixels": str(MOST_PIXELS)}
        frames = decoder.decode(av.Packet(h264)) or decoder.decode(None)
        picture = frames[0].reformat(format="yuv420p")
        return Still(picture.width, picture.height, _webp(av, picture))
    # What is no picture: as the library's many errors say, or no frame at all.
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise InputError(f"The caller's picture cannot be decoded: {error}.") from None


def _webp(av: Any, picture: Any) -> bytes:
    encoder = av.CodecContext.create("libwebp", "w")
    encoder.width, encoder.height = picture.width, picture.height
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1)
    encoder.options = {"quality": str(QUALITY)}
    picture.pts = 0
    return b"".join(bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode(None)))
