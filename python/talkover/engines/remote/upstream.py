"""One OpenAI-compatible server: where it is, how it is asked, and how its errors are told."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx

from ...errors import ConfigError, EngineError
from ..deadline import STALL_S

CONNECT_S = 3.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Upstream:
    """`role` is the word that errors use for what it does; `stall_s` the longest silence."""

    def __init__(self, url: str, api_key: str | None, role: str, stall_s: float = STALL_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                f"--{role} {url}: this is no URL; give one such as http://localhost:11434/v1."
            )
        self.url = url.rstrip("/")
        self.host = parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.role = role
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        timeout = httpx.Timeout(stall_s, connect=CONNECT_S)
        self._client = httpx.AsyncClient(headers=headers, timeout=timeout)

    @property
    def is_local(self) -> bool:
        return self.host in LOOPBACK

    async def models(self) -> list[str]:
        """The models served. EngineError where the server cannot be reached."""
        try:
            response = await self._client.get(f"{self.url}/models", timeout=CONNECT_S)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        if response.status_code in (401, 403):
            raise EngineError(f"--{self.role} {self.url} refuses the key; check --api-key.")
        try:
            return [str(model["id"]) for model in response.json()["data"]]
        except (ValueError, KeyError, TypeError):
            # Not every server lists its models; being there is enough.
            return []

    @asynccontextmanager
    async def post(self, path: str, **content: Any) -> AsyncGenerator[httpx.Response]:
        """A streamed answer; leaving the block closes it. EngineError tells what is wrong."""
        try:
            async with self._client.stream("POST", f"{self.url}{path}", **content) as response:
                if response.status_code >= 400:
                    raise EngineError(
                        f"--{self.role} {self.url} answered {response.status_code}: "
                        f"{_reason(await response.aread())}"
                    )
                yield response
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None

    async def close(self) -> None:
        await self._client.aclose()

    def _unreachable(self, error: Exception) -> EngineError:
        if isinstance(error, httpx.ReadTimeout):
            return EngineError(
                f"--{self.role} {self.url} took the question and gave nothing; look at its server.",
                code="engine_stalled",
            )
        return EngineError(
            f"--{self.role} {self.url} cannot be reached ({type(error).__name__}): "
            "is its server running, and is the URL right?",
            code="engine_unreachable",
        )


def _reason(body: bytes) -> str:
    text = body.decode(errors="replace")
    try:
        text = str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        pass
    return text[:300] or "no reason given"
