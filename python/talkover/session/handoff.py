"""Another agent takes the call, by its own rules, and knows all that was said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..errors import AgentError
from ..protocol import facts as f
from .turn_settings import own_input

if TYPE_CHECKING:
    from .session import Session


async def hand_off(session: Session, to: Agent | str) -> None:
    """From the next reply on, `to` answers; AgentError where it cannot.

    A reply from within which the call is handed off is said to its end, asks its model nothing
    more, and is followed by the new agent's.
    """
    before, cast = session.cast, session.cast.recast(to)
    if cast.agent is before.agent or session.ended:
        return
    if any(one.agent.on_live is not None or one.s2s is not None for one in (before, cast)):
        raise AgentError(
            "An agent with @agent.live, or a speech-to-speech model, has no turns to hand off; use "
            "@agent.reply, or three engines."
        )
    inside = session.inside_reply
    session.cast = cast
    if session.client_may is not None:
        session.client_may = cast.agent.client_may
    # What a client set was for the agent before.
    audio = {"input": own_input(cast.agent), "output": {"voice": "default"}}
    patch: dict[str, Any] = {"instructions": "", "audio": audio}
    session.config = session.config.merge(patch)
    session.hearing.recast()
    session.apply_policy()
    session.remotes.update()
    session.emit(f.HandedOff(cast.name))
    session.emit(f.SessionUpdated(session.shown()))
    if cast.agent.on_start is not None:
        await session.guard(cast.agent.on_start(session.facade), "start")
    if inside:
        session.takeover.due()
