"""Bodies of requests, read with a limit."""

from __future__ import annotations

import json
from typing import Any, cast

from starlette.requests import Request

from .errors import HttpError


async def read_body(request: Request, most: int) -> bytes:
    """All of it. HttpError 413 where it is longer than `most` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HttpError(413, f"The body is larger than {most // 1024} KiB.", code="too_large")
    return bytes(body)


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is; none where it is empty. HttpError."""
    try:
        value: Any = json.loads(body or b"{}")
    except ValueError:
        raise HttpError(400, "The body is not JSON.", code="invalid_json") from None
    if not isinstance(value, dict):
        raise HttpError(400, "The body is not a JSON object.", code="invalid_json")
    return cast("dict[str, Any]", value)
