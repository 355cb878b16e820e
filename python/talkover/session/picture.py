"""Any picture as one that can be sent as video without an encoder: a lossy WebP, not too large."""

from __future__ import annotations

import importlib
import io
from typing import Any

from ..errors import AgentError
from ..values import Image

LONGEST_SIDE = 1920
QUALITIES = (85, 60, 35)
MOST_BYTES = 512 * 1024


def lossy(image: Image, why: str) -> bytes:
    """By Pillow, the extra `images`; takes some 50 ms. `why` it cannot go as it is.

    AgentError for what cannot be opened, or not be made small enough.
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
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    for quality in QUALITIES:
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=quality)
        if file.tell() < MOST_BYTES:
            return file.getvalue()
    raise AgentError("This picture is too large to be shown; make it smaller.")
