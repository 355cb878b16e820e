"""A brain of your own: a LangGraph graph, whose nodes speak while they run.

pip install langgraph openai
LLM_URL=http://localhost:11434/v1 MODEL=llama3.2 talkover serve examples/own_langgraph.py
"""

import os
from collections.abc import AsyncGenerator
from typing import Any, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from openai import AsyncOpenAI

from talkover import Agent, Turn

MODEL = os.environ.get("MODEL", "llama3.2")
client = AsyncOpenAI(
    base_url=os.environ.get("LLM_URL", "http://localhost:11434/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
agent = Agent("You are the help desk of a bank. Keep it short.", greeting="Hello!")


class State(TypedDict):
    messages: list[dict[str, Any]]


async def answer(state: State) -> dict[str, Any]:
    """Ask the model; each piece is spoken as it comes."""
    speak = get_stream_writer()
    messages: Any = state["messages"]
    stream = await client.chat.completions.create(model=MODEL, messages=messages, stream=True)
    async with stream:
        async for chunk in stream:
            for choice in chunk.choices:
                speak(choice.delta.content or "")
    return {}


async def block_card(state: State) -> dict[str, Any]:
    """What must not be left to a model is a node of its own."""
    get_stream_writer()("I have blocked your card. A new one is on its way.")
    return {}


def route(state: State) -> str:
    words = state["messages"][-1]["content"].lower()
    return "block_card" if "stolen" in words or "lost my card" in words else "answer"


graph = StateGraph(State)
graph.add_node("answer", answer)
graph.add_node("block_card", block_card)
graph.add_conditional_edges(START, route, ["answer", "block_card"])
graph.add_edge("answer", END)
graph.add_edge("block_card", END)
desk = graph.compile()


@agent.reply
async def reply(turn: Turn) -> AsyncGenerator[str]:
    """The graph keeps no history: the turn has it, cut to what was heard."""
    async for piece in desk.astream({"messages": turn.messages}, stream_mode="custom"):
        yield piece
