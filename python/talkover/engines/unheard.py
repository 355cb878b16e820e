"""What stands in the places of recogniser and model where speech to speech does both."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from ..errors import EngineError
from .base import EngineInfo, TextDelta, ToolCall, Usage, Words


class NoEar:
    """Understands nothing: the words come from the speech-to-speech model."""

    info = EngineInfo("none", "stt")

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def open(self, language: str, on_words: Callable[[Words], None]) -> NoEarStream:
        return NoEarStream()


class NoEarStream:
    def feed(self, pcm: bytes) -> None:
        pass

    async def finish(self) -> Words:
        return Words("", final=True)

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


class NoModel:
    """Answers nothing in writing."""

    info = EngineInfo("none", "llm")

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass

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
        raise EngineError(
            "A speech-to-speech model answers in its conversation only; ask it there."
        )
        yield TextDelta("")
