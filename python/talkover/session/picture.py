"""Any picture as one that can be sent as video without an encoder: a lossy WebP, not too large."""

from __future__ import annotations

import importlib
import io
from typing import Any

from ..errors import AgentError
from ..values import Image

MOST_BYTES = 512 * 1024
STEPS = ((1920, 85), (1920, 60), (1280, 60), (640, 50))
"""Longest side and quality, one after the other until it is small enough; the last always is."""


def lossy(image: Image, why: str) -> bytes:
    """By Pillow, the extra `images`; takes some 50 ms. `why` it cannot go as it is.

    AgentError for what cannot be opened.
    """
    try:
        pillow: Any = importlib.import_module("PIL.Image")
    except ImportError:
        raise AgentError(f'{why} For others: pip install "talkover[images]".') from None
    try:
        with pillow.open(io.BytesIO(image.data)) as opened:
            picture = opened.convert("RGB")
    # Pillow has a dozen kinds of errors for files that are not what they say.
    except Exception as error:
        raise AgentError(f"This picture cannot be opened: {error}.") from None
    webp = b""
    for side, quality in STEPS:
        picture.thumbnail((side, side))
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=quality)
        webp = file.getvalue()
        if len(webp) < MOST_BYTES:
            break
    return webp
