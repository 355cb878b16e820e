"""A session's turn detection, in the protocol's words, as the machine's and the reflex's policy,
and what an agent wants of a session's input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..agent import Agent
from ..errors import AgentError
from ..protocol.config import SemanticVad, ServerVad, SessionConfig
from ..turn.policy import TurnPolicy, next_turn, policy

HOLD_AFTER_MS = 200
RESUME_AFTER_MS = 48
MOST_HELD_MS = 3000


@dataclass(frozen=True, slots=True)
class Reflex:
    """What the media thread does by itself when the caller makes a sound."""

    duck: bool
    hold: bool


class NextTurn:
    """What the agent listens for in the user's next turn; that one's settings, and no other's."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self._heard = False

    def expect(self, what: str | dict[str, Any]) -> None:
        """AgentError for what is nothing to listen for."""
        try:
            self.settings, self._heard = next_turn(what), False
        except ValueError as error:
            raise AgentError(f"listen_for: {error}") from None

    def committed(self) -> None:
        """A turn is over, but may be opened again."""
        self._heard = True

    def begins(self) -> bool:
        """Another turn begins; True where that changes the settings."""
        over = self._heard and bool(self.settings)
        if over:
            self.settings = {}
        return over


def own_input(agent: Agent) -> dict[str, Any]:
    """What an agent sets of `audio.input`, where its client says nothing of that."""
    own: dict[str, Any] = {}
    if agent.turns == "push_to_talk":
        own["turn_detection"] = None
    if agent.noise_suppression:
        own["noise_reduction"] = {"type": "near_field"}
    return own


def turn_policy(
    agent: Agent,
    config: SessionConfig,
    base: TurnPolicy,
    expected: dict[str, Any] | None = None,
    *,
    owned: bool = False,
) -> TurnPolicy:
    """The server's turn settings, overlaid by the agent's, then by what the client asked for, then
    by what is expected of the next turn. `owned`: a speech-to-speech model has the floor."""
    return replace(_usual(agent, config, base, owned=owned), **(expected or {}))


def _usual(agent: Agent, config: SessionConfig, base: TurnPolicy, *, owned: bool) -> TurnPolicy:
    try:
        own = policy(agent.turns, replace(base, interruptions=agent.interruptions))
    except ValueError as error:
        raise AgentError(f"turns: {error}") from None
    if owned or agent.on_live is not None:
        # Turns are told to whoever has the floor, and neither answered nor interrupting.
        return replace(own, mode="vad", create_response=False, interruptions="overlap")
    match config.audio.input.turn_detection:
        case None:
            return replace(own, mode="manual")
        case ServerVad() as asked:
            silence = asked.silence_duration_ms
            own = replace(
                own,
                mode="vad",
                silence_complete_ms=min(own.silence_complete_ms, silence),
                silence_likely_ms=min(own.silence_likely_ms, silence),
                silence_ms=silence,
                silence_no_words_ms=silence,
                silence_incomplete_ms=max(own.silence_incomplete_ms, silence),
                silence_dictating_ms=max(own.silence_dictating_ms, silence),
                silence_most_ms=max(own.silence_most_ms, silence),
            )
        case SemanticVad() as asked:
            preset = {"low": "patient", "high": "eager"}.get(asked.eagerness)
            if preset is not None:
                own = policy(preset, own)
            own = replace(own, mode="vad")
    if config.type == "transcription":
        return replace(own, create_response=False, interruptions="no")
    if not asked.interrupt_response and own.interruptions == "yes":
        own = replace(own, interruptions="overlap")
    return replace(own, create_response=asked.create_response)


def reflex(policy: TurnPolicy) -> Reflex:
    """Without an interruption to prepare for, the voice stays as it is."""
    wanted = policy.mode == "vad" and policy.interruptions == "yes"
    return Reflex(duck=wanted, hold=wanted)
