"""Makes replies: the session's settings and the agent, overlaid by what was asked for this once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..media.port import OpusEncoder, Peer
from ..protocol import aliases
from ..protocol.commands import ResponseParams
from ..protocol.config import (
    Format,
    FunctionChoice,
    FunctionTool,
    McpChoice,
    OpusFormat,
    PcmFormat,
    Tool,
    ToolChoice,
)
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
        packets=isinstance(format, OpusFormat),
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
    items = None
    if params.input is not None:
        found = [talk.get(entry) if isinstance(entry, str) else entry for entry in params.input]
        items = [item for item in found if item is not None]
    tools = params.tools if params.tools is not None else config.tools
    named = functions(tools)
    taken = {tool["function"]["name"] for tool in named} | set(agent.tools)
    ask = Ask(
        instructions=params.instructions or config.instructions or agent.instructions,
        client_tools=named,
        remote=session.remotes.offered(tools, taken | set(session.remotes.own())),
        tool_choice=_chat_choice(params.tool_choice or config.tool_choice),
        max_tokens=_most_tokens(session, params),
        items=items,
        sound=sound,
        conversation=talk,
    )
    brain = Brain(session, ask, reply.tell, reply.confirmed, reply.show)
    reply.usage = brain.usage
    return brain


def functions(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Those that the client runs, as chat models take them."""
    return [_chat_tool(tool) for tool in tools if isinstance(tool, FunctionTool)]


def _wire(format: Format) -> Callable[[bytes], Sequence[bytes]]:
    match format:
        case OpusFormat():
            return OpusEncoder().push
        case PcmFormat(rate=24000):
            return lambda pcm: (pcm,)
        case PcmFormat():
            lower = Lower()
            return lambda pcm: (lower.push(pcm),)
        case _:
            compressor = Compressor(format.type)
            return lambda pcm: (compressor.push(pcm),)


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
        case McpChoice(name=name):
            return "auto" if name is None else {"type": "function", "name": name}
        case _:
            return choice
