"""`agent.run()`: a file that serves itself."""

from __future__ import annotations

import sys

from ..agent import Agent
from ..config import load
from ..errors import AgentError

_served = False


def claim() -> bool:
    """True for the first who serves in this process.

    A file with `agent.run()` at its end is imported by the very server that serves it.
    """
    global _served
    first, _served = not _served, True
    return first


def run_agent(agent: Agent) -> None:
    """Serve one agent with the configured settings; nothing where a server imports the file."""
    if not claim():
        return
    from .main import guarded

    guarded(lambda: _serve(agent))


def _serve(agent: Agent) -> None:
    from . import serve
    from .load import Source

    main = sys.modules["__main__"]
    names = [name for name, value in vars(main).items() if value is agent]
    file = getattr(main, "__file__", None)
    if file is None or not names:
        raise AgentError("agent.run() is for an agent at the top of a file; see talkover serve.")
    serve.run(load({}), Source(f"{file}:{names[0]}"), {names[0]: agent})
