"""Who plays in a session, and what it is known by."""

from __future__ import annotations

from dataclasses import dataclass

from ..agent import Agent
from ..engines.base import Endpointer, Llm, SpeechToSpeech, Stt, Tts
from ..errors import EngineError
from ..turn.policy import NORMAL, TurnPolicy


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays in a session: the agent and its engines, and a voice to apologize with."""

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
