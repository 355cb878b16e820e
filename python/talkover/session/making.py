"""Makes replies: the session's settings and the agent, overlaid by what was asked for this once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..media.port import Peer
from ..protocol import aliases
from ..protocol.commands import ResponseParams
from ..protocol.config import Format, FunctionChoice, FunctionTool, McpChoice, PcmFormat, ToolChoice
from .brain import Ask, Brain
from .conversation import Conversation
from .g711 import Compressor
from .pcm16k import Lower
from .reply import Desk, Reply, Stamps, Terms, Voice

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
    desk: Desk | None = None,
) -> Reply:
    """`peer` None: in writing. `conversation`: where it goes, if not into the session's own."""
    cast, output = session.cast, session.config.audio.output
    agent = cast.agent
    name = params.voice or output.voice_name
    voice = Voice(
        cast.tts,
        cast.fallback,
        aliases.voice(name, engine_has_them=cast.tts.info.openai_voices) or agent.voice,
        agent.language,
        output.speed,
    )
    format = params.format or output.format
    terms = Terms(
        metadata=params.metadata,
        conversation=params.conversation,
        audio={"output": {"format": format.model_dump(), "voice": name}},
        most_tokens=_most_tokens(session, params),
        wire=_wire(format),
    )
    return Reply(
        desk or session, peer, voice, conversation or session.conversation,
        epoch=epoch, apology=agent.apology, stamps=stamps, terms=terms, prepared=prepared,
    )  # fmt: skip


def make_brain(
    session: Session, params: ResponseParams, reply: Reply, sound: bytes, talk: Conversation
) -> Brain:
    """What a reply is thought up with. `sound` is the user's turn, 16 kHz mono s16le."""
    agent, config = session.cast.agent, session.config
    base = instructions(session)
    items = None
    if params.input is not None:
        found = [talk.get(entry) if isinstance(entry, str) else entry for entry in params.input]
        items = [item for item in found if item is not None]
    tools = params.tools if params.tools is not None else config.tools
    ask = Ask(
        instructions=params.instructions or base,
        client_tools=[_chat_tool(tool) for tool in tools if isinstance(tool, FunctionTool)],
        tool_choice=_chat_choice(params.tool_choice or config.tool_choice),
        max_tokens=_most_tokens(session, params),
        items=items,
        sound=sound,
        conversation=talk,
    )
    brain = Brain(
        agent, session.cast.llm, session.facade, ask, reply.tell, reply.confirmed, session.video,
        session.sure,
    )  # fmt: skip
    reply.usage = brain.usage
    return brain


def instructions(session: Session) -> str:
    """The client's, where it gave some and may; else the agent's."""
    own = session.cast.agent.instructions
    return session.config.instructions or (own if isinstance(own, str) else own(session.facade))


def _wire(format: Format) -> Callable[[bytes], bytes]:
    if not isinstance(format, PcmFormat):
        return Compressor(format.type).push
    return (lambda pcm: pcm) if format.rate == 24000 else Lower().push


def _most_tokens(session: Session, params: ResponseParams) -> int | None:
    most = params.max_output_tokens or session.config.max_output_tokens
    return None if most == "inf" else most


def _chat_tool(tool: FunctionTool) -> dict[str, Any]:
    kept = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": {k: v for k, v in kept.items() if v is not None}}


def _chat_choice(choice: ToolChoice) -> Any:
    match choice:
        case FunctionChoice():
            return choice.model_dump()
        case McpChoice():
            return "auto"
        case _:
            return choice
