"""One HTTP exchange, timed: connection, TLS, first byte, last byte. Bounded in bytes and time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2 as httpx

from ...errors import TalkoverError
from .bounds import MOST_BODY, Bounds
from .seen import Exchange

READ_S = 10.0


def client(bounds: Bounds) -> httpx.AsyncClient:
    """Goes to the named host directly and follows nothing by itself."""
    return httpx.AsyncClient(
        verify=bounds.verify, timeout=None, follow_redirects=False, trust_env=False,
        # What a probe times are the server's own chunks.
        headers={"Accept-Encoding": "identity", **bounds.headers()},
    )  # fmt: skip


async def exchange(
    client: httpx.AsyncClient,
    bounds: Bounds,
    method: str,
    url: str,
    *,
    content: bytes | None = None,
    kind: str = "",
) -> Exchange:
    """Spent, TimeoutError, httpx.HTTPError, httpx.InvalidURL."""
    began = time.perf_counter()
    marks: dict[str, float] = {}

    async def trace(name: str, _: dict[str, Any]) -> None:
        marks[name] = (time.perf_counter() - began) * 1000

    def took(step: str) -> float | None:
        start, end = marks.get(f"{step}.started"), marks.get(f"{step}.complete")
        return None if start is None or end is None else end - start

    chunks: list[tuple[float, bytes]] = []
    size, cut = 0, False
    headers = {"Content-Type": kind} if kind else {}
    async with bounds.step():
        request = client.build_request(
            method, url, content=content, headers=headers, extensions={"trace": trace}
        )
        response = await client.send(request, stream=True)
        head_ms = (time.perf_counter() - began) * 1000
        try:
            async with asyncio.timeout(READ_S):
                async for chunk in response.aiter_raw():
                    chunks.append(((time.perf_counter() - began) * 1000, chunk))
                    size += len(chunk)
                    if cut := size > MOST_BODY:
                        break
        except TimeoutError:
            # A stream of events need not end.
            cut = True
        finally:
            await response.aclose()
    return Exchange(
        url, response.status_code, tuple(response.headers.multi_items()),
        took("connection.connect_tcp"), took("connection.start_tls"),
        chunks[0][0] if chunks else head_ms, chunks[-1][0] if chunks else head_ms,
        tuple(chunks), cut,
    )  # fmt: skip


def failed(error: Exception) -> str:
    """Why there was no exchange, in words."""
    if isinstance(error, TalkoverError):
        return error.message
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "its certificate is vouched for by nobody (--insecure takes any)"
    said = str(error).split("\n")[0][:200]
    return f"{type(error).__name__}{f': {said}' if said else ''}"
