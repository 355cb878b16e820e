"""A brain of your own: a pydantic-ai agent, with its own tools.

pip install "pydantic-ai-slim[openai]"
LLM_URL=http://localhost:11434/v1 MODEL=llama3.2 talkover serve examples/own_pydantic_ai.py
"""

import os
from collections.abc import AsyncGenerator
from typing import Any

import pydantic_ai
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    UserPromptPart,
)
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from talkover import Agent, Turn

provider = OpenAIProvider(
    base_url=os.environ.get("LLM_URL", "http://localhost:11434/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
guide = pydantic_ai.Agent(
    OpenAIChatModel(os.environ.get("MODEL", "llama3.2"), provider=provider),
    instructions="You are a museum guide. Keep it short.",
)
agent = Agent(greeting="Welcome to the museum!")


@guide.tool_plain
async def room(artist: str) -> str:
    """The room where an artist's paintings hang."""
    return {"vermeer": "room four"}.get(artist.lower(), "the depot")


@agent.reply
async def reply(turn: Turn) -> AsyncGenerator[str]:
    """Leaving the block, as when the user cuts in, closes the request behind it."""
    *before, _ = turn.messages
    async with guide.run_stream(turn.text, message_history=history(before)) as run:
        async for piece in run.stream_text(delta=True, debounce_by=None):
            yield piece


def history(messages: list[dict[str, Any]]) -> list[ModelMessage]:
    """What was said before, cut to what was heard, in pydantic-ai's own types."""
    made: list[ModelMessage] = []
    for message in messages:
        if message["role"] == "user":
            made.append(ModelRequest(parts=[UserPromptPart(message["content"])]))
        elif message["role"] == "assistant":
            made.append(ModelResponse(parts=[TextPart(message["content"])]))
    return made
