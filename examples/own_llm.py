"""A brain of your own: an OpenAI client, with the agent's tools.

pip install openai
LLM_URL=http://localhost:11434/v1 MODEL=llama3.2 talkover serve examples/own_llm.py
"""

import json
import os
from collections.abc import AsyncGenerator
from typing import Any

from openai import AsyncOpenAI, omit

from talkover import Agent, Turn

MODEL = os.environ.get("MODEL", "llama3.2")
client = AsyncOpenAI(
    base_url=os.environ.get("LLM_URL", "http://localhost:11434/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
agent = Agent("You are a kind concierge. Keep it short.", greeting="Hello!")


@agent.tool(safe=True)
def opening_hours(day: str) -> str:
    """When the house is open on a day of the week."""
    return "closed" if day.lower() == "sunday" else "from nine to six"


@agent.reply
async def reply(turn: Turn) -> AsyncGenerator[str]:
    """Stream an answer; when the user cuts in, the request is closed where it is."""
    messages: list[Any] = turn.messages  # instructions and talk, cut to what was heard
    tools: Any = turn.tools or omit
    while True:
        said, calls = "", dict[int, dict[str, Any]]()
        async with await client.chat.completions.create(
            model=MODEL, messages=messages, tools=tools, stream=True
        ) as stream:
            async for chunk in stream:
                for choice in chunk.choices:
                    said += choice.delta.content or ""
                    yield choice.delta.content or ""
                    collect(calls, choice.delta.tool_calls or [])
        if not calls:
            return
        messages.append({"role": "assistant", "content": said, "tool_calls": list(calls.values())})
        messages += [await result(turn, call) for call in calls.values()]


def collect(calls: dict[int, dict[str, Any]], deltas: list[Any]) -> None:
    """Put the pieces of tool calls together."""
    for delta in deltas:
        empty = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        call = calls.setdefault(delta.index, empty)
        call["id"] += delta.id or ""
        call["function"]["name"] += delta.function.name or ""
        call["function"]["arguments"] += delta.function.arguments or ""


async def result(turn: Turn, call: dict[str, Any]) -> dict[str, Any]:
    """Run a tool; what goes wrong is told to the model."""
    try:
        arguments = json.loads(call["function"]["arguments"] or "{}")
        output = str(await turn.call(call["function"]["name"], arguments))
    except Exception as error:
        output = f"Error: {error}"
    return {"role": "tool", "tool_call_id": call["id"], "content": output}
