"""Makes replies: the session's settings and the agent, overlaid by what was asked for this once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..media.port import Peer
from ..protocol.commands import ResponseParams
from .brain import Ask, Brain
from .conversation import Conversation
from .reply import Reply, Stamps, Voice

if TYPE_CHECKING:
    from .session import Session


def make_reply(
    session: Session,
    epoch: int,
    peer: Peer | None,
    stamps: Stamps,
    params: ResponseParams,
    *,
    conversation: Conversation | None = None,
    prepared: bool = False,
) -> Reply:
    """`peer` None: in writing. `conversation`: where it goes, if not into the session's own."""
    agent, output = session.cast.agent, session.config.audio.output
    name = output.voice if isinstance(output.voice, str) else str(output.voice.get("id", ""))
    voice = Voice(
        session.cast.tts,
        session.cast.fallback,
        agent.voice if name == "default" else name,
        agent.language,
        output.speed,
    )
    return Reply(
        session, peer, voice, conversation or session.conversation,
        epoch=epoch, apology=agent.apology, stamps=stamps,
        metadata=params.metadata, in_conversation=params.conversation, prepared=prepared,
    )  # fmt: skip


def make_brain(
    session: Session, params: ResponseParams, reply: Reply, sound: bytes, talk: Conversation
) -> Brain:
    """What a reply is thought up with. `sound` is the user's turn, 16 kHz mono s16le."""
    agent, config = session.cast.agent, session.config
    own = agent.instructions
    base = config.instructions or (own if isinstance(own, str) else own(session.facade))
    items = None
    if params.input is not None:
        found = [talk.get(entry) if isinstance(entry, str) else entry for entry in params.input]
        items = [item for item in found if item is not None]
    tokens = config.max_output_tokens
    tools = params.tools if params.tools is not None else config.tools
    ask = Ask(
        instructions=params.instructions or base,
        client_tools=[_chat_tool(tool) for tool in tools if tool.get("type") == "function"],
        tool_choice=params.tool_choice or config.tool_choice,
        max_tokens=params.max_output_tokens or (None if tokens == "inf" else int(tokens)),
        items=items,
        sound=sound,
        conversation=talk,
    )
    brain = Brain(agent, session.cast.llm, session.facade, ask, reply.tell, reply.confirmed)
    reply.usage = brain.usage
    return brain


def _chat_tool(tool: dict[str, Any]) -> dict[str, Any]:
    kept = {key: tool[key] for key in ("name", "description", "parameters") if key in tool}
    return {"type": "function", "function": kept}
