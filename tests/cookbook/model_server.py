"""An OpenAI-compatible server's answers within the process: what a brain's own client asks for."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable
from typing import Any

import httpx2 as httpx
from openai import AsyncOpenAI

Answer = str | dict[str, Any]
"""Text, or one tool call: {"name": …, "arguments": {…}}."""

PACE_S = 0.02
"""A word takes so long."""


class ModelServer:
    """Answers chat completions by a function of the messages; `asked` keeps the requests."""

    def __init__(self, answers: Callable[[list[dict[str, Any]]], Answer]) -> None:
        self._answers = answers
        self.asked: list[dict[str, Any]] = []
        self.closed_early = 0

    def client(self) -> AsyncOpenAI:
        transport = httpx.MockTransport(self._respond)
        return AsyncOpenAI(
            base_url="http://model/v1", api_key="x",
            http_client=httpx.AsyncClient(transport=transport),
        )  # fmt: skip

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        self.asked.append(asked)
        answer = self._answers(asked["messages"])
        if not asked.get("stream"):
            message = {"role": "assistant", "content": answer}
            return httpx.Response(200, json={"choices": [{"index": 0, "message": message}]})
        return httpx.Response(
            200, headers={"Content-Type": "text/event-stream"}, content=self._streamed(answer)
        )

    async def _streamed(self, answer: Answer) -> AsyncGenerator[bytes]:
        over = False
        try:
            for delta in _deltas(answer):
                chunk = {"choices": [{"index": 0, "delta": delta}]}
                yield f"data: {json.dumps(chunk)}\n\n".encode()
                await asyncio.sleep(PACE_S)
            over = True
            yield b"data: [DONE]\n\n"
        finally:
            self.closed_early += not over


def _deltas(answer: Answer) -> list[dict[str, Any]]:
    if isinstance(answer, str):
        return [{"content": word} for word in re.findall(r"\S+\s*", answer)]
    text = json.dumps(answer["arguments"])
    # As servers send it: the name first, the arguments in pieces.
    return [
        _call(0, id="call_1", function={"name": answer["name"], "arguments": text[:5]}),
        _call(0, function={"arguments": text[5:]}),
    ]


def _call(index: int, **parts: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "type": "function", **parts}]}
