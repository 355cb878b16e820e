"""Models behind `/chat/completions`, streamed as server-sent events (WHATWG HTML, 9.2)."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any, cast

from ...errors import ConfigError, EngineError
from ..base import EngineInfo, TextDelta, ToolCall, Usage
from .upstream import Upstream


class ChatModel:
    """Closing a reply's generator closes the upstream request."""

    def __init__(self, upstream: Upstream, model: str | None) -> None:
        self._upstream = upstream
        self._model = model

    @property
    def info(self) -> EngineInfo:
        where = self._upstream.host
        return EngineInfo(
            self._model or "model", "llm", where, leaves_machine=not self._upstream.is_local
        )

    async def warm(self) -> None:
        served = await self._upstream.models()
        if self._model is None:
            if len(served) != 1:
                listed = ", ".join(served[:20])
                serves = f"these models: {listed}" if listed else "models that it does not list"
                raise ConfigError(
                    f"--llm {self._upstream.url} serves {serves}; choose one with --model."
                )
            self._model = served[0]

    async def close(self) -> None:
        await self._upstream.close()

    def while_speaking(self, words: str) -> str | None:
        return None

    async def reply(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]],
        *,
        tool_choice: Any = "auto",
        max_tokens: int | None = None,
    ) -> AsyncGenerator[TextDelta | ToolCall | Usage]:
        if self._model is None:
            await self.warm()
        body: dict[str, Any] = {
            "model": self._model,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if tools:
            body |= {"tools": tools, "tool_choice": _choice(tool_choice)}
        if max_tokens is not None:
            body["max_tokens"] = max_tokens
        calls: dict[int, dict[str, str]] = {}
        async with self._upstream.post("/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if not line.startswith("data:") or line[5:].strip() == "[DONE]":
                    continue
                event = _event(line[5:])
                for part in _parts(event, calls):
                    yield part
        for call in calls.values():
            yield ToolCall(call["id"], call["name"], call["arguments"])


def _parts(event: dict[str, Any], calls: dict[int, dict[str, str]]) -> list[TextDelta | Usage]:
    out: list[TextDelta | Usage] = []
    choices: list[dict[str, Any]] = event.get("choices") or []
    for choice in choices[:1]:
        delta: dict[str, Any] = choice.get("delta") or {}
        if delta.get("content"):
            out.append(TextDelta(delta["content"]))
        pieces: list[dict[str, Any]] = delta.get("tool_calls") or []
        for piece in pieces:
            index = int(piece.get("index") or 0)
            call = calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
            function: dict[str, Any] = piece.get("function") or {}
            call["id"] = piece.get("id") or call["id"] or f"call_{index}"
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""
    usage: dict[str, int] | None = event.get("usage")
    if usage:
        out.append(Usage(usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)))
    return out


def _event(data: str) -> dict[str, Any]:
    try:
        event: Any = json.loads(data)
    except ValueError:
        raise EngineError("The model's server sent an event that is not JSON.") from None
    if not isinstance(event, dict):
        return {}
    found = cast("dict[str, Any]", event)
    if "error" in found:
        raise EngineError(f"The model's server failed: {str(found['error'])[:300]}")
    return found


def _choice(choice: Any) -> Any:
    # The Realtime protocol names a function flat, chat completions inside an object.
    if isinstance(choice, dict) and "name" in choice:
        named = cast("dict[str, Any]", choice)
        return {"type": "function", "function": {"name": named["name"]}}
    return cast(Any, choice)
