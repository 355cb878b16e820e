"""Who plays in a session, and what it is known by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..agent import Agent
from ..engines.base import Endpointer, Llm, SpeechToSpeech, Stt, Tools, Tts
from ..errors import AgentError, EngineError
from ..protocol.live.settings import EVERYTHING, Permissions
from ..tool_server import ToolServer
from ..turn.policy import NORMAL, TurnPolicy


def _unconnected(where: ToolServer) -> Tools:
    raise AgentError(f"There is no way to the MCP server {where.label!r} here.")


def _nobody(_: Agent | str) -> Cast:
    raise AgentError("There is no other agent here to hand the call to.")


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays in a session: the agent and its engines, and a voice to apologize with.

    `name` is what the agent is served by. `recast` gives the cast of another one, by that or by
    the agent itself; AgentError where it is not served.
    """

    agent: Agent
    stt: Stt
    llm: Llm
    tts: Tts
    fallback: Tts | None = None
    troubles: tuple[EngineError, ...] = ()
    turns: TurnPolicy = NORMAL
    endpointer: Endpointer | None = None
    s2s: SpeechToSpeech | None = None
    """Hears and speaks in the place of the three, and owns the floor."""
    name: str = "agent"
    recast: Callable[[Agent | str], Cast] = _nobody
    connect: Callable[[ToolServer], Tools] = _unconnected


@dataclass(frozen=True, slots=True)
class Names:
    """What a session is known by, and since when and how long at most (Unix seconds).

    `token` is the hash of what its client comes back with, `secret` of what it was begun with.
    """

    id: str
    call_id: str
    token: bytes = b""
    began: float = 0.0
    expires_at: int = 0
    secret: str | None = None
    agent: str = ""
    permissions: Permissions = EVERYTHING
    """Of its page, in the Live dialect."""
