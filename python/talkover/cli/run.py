"""`agent.run()`: a file that serves itself."""

from __future__ import annotations

import asyncio

from ..agent import Agent
from ..config import load
from ..errors import TalkoverError
from . import serve as server


def run_agent(agent: Agent) -> None:
    """Serve one agent with the configured settings; nothing where a server imports the file."""
    if server.serving:
        return
    server.serving = True
    try:
        asyncio.run(server.serve(load({}).settings, {"agent": agent}))
    except TalkoverError as error:
        raise SystemExit(f"talkover: {error.message}") from None
