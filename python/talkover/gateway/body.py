"""Bodies of requests, read with a limit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, TypeVar, cast

from starlette.requests import Request

from .errors import HttpError

T = TypeVar("T")

BODY_S = 10.0


async def in_time(reading: Awaitable[T]) -> T:
    """What is read of a request for which room is kept meanwhile. HttpError 408 after `BODY_S`."""
    try:
        async with asyncio.timeout(BODY_S):
            return await reading
    except TimeoutError:
        raise HttpError(408, f"The request did not come within {BODY_S:g} s.") from None


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


def object_in(body: dict[str, Any], name: str) -> dict[str, Any]:
    """The object that a field is; none where it is left out. HttpError."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise HttpError(400, f"{name} must be an object.", code="invalid_value", param=name)
    return cast("dict[str, Any]", value)
