"""Tools on MCP servers: the agent's own ones, and those that a client named."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from ..engines.base import RemoteTool, Tools
from ..errors import EngineError
from ..protocol import config as c
from ..protocol import facts as f
from ..protocol.ids import fresh
from ..protocol.items import Item
from ..tool import Tool
from ..tool_server import ALL, ToolServer, approved, chosen

if TYPE_CHECKING:
    from .session import Session

log = structlog.get_logger("talkover.remote")

MOST = 16
"""Servers of one session."""
MOST_RETURNS = 5
RETURN_S = 1.0
"""A server that was lost is connected again after this, and so often."""


@dataclass(slots=True)
class Remote:
    """One server of one session; `listed` is the item that shows a client its tools."""

    where: ToolServer
    tools: Tools
    listed: Item | None
    found: dict[str, RemoteTool] = field(default_factory=dict[str, RemoteTool])
    known: bool = False
    closed: bool = False

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """CallFailed; a server that was just lost may come back first."""
        with suppress(TimeoutError):
            async with asyncio.timeout(3 * RETURN_S):
                await self.tools.up.wait()
        return await self.tools.call(name, arguments)


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool of a client's server, as a model may call it."""

    remote: Remote
    tool: RemoteTool
    chat_name: str

    @property
    def label(self) -> str:
        return self.remote.where.label

    @property
    def needs_approval(self) -> bool:
        return self.remote.where.approve.takes(self.tool.name, self.tool.read_only)

    def chat_schema(self) -> dict[str, Any]:
        told = {
            "name": self.chat_name,
            "description": self.tool.description,
            "parameters": self.tool.schema,
        }
        return {"type": "function", "function": told}

    async def call(self, arguments: Mapping[str, Any]) -> str:
        return await self.remote.call(self.tool.name, arguments)


class Remotes:
    """Belongs to one session: a connection of its own to each server, which ends with it.

    The tools of the agent's servers are tools of the agent, hidden from clients like the others.
    Those of a client's are shown to it as its protocol has it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._live: dict[ToolServer, Remote] = {}

    def update(self) -> None:
        """Have those connected that the agent and the client want now."""
        session = self._session
        own = list(session.cast.agent.mcp)
        local = session.client_may is None or "tools" in session.locked
        named = [server(t, local) for t in session.config.tools if isinstance(t, c.McpTool)]
        wanted = [*own, *named][:MOST]
        for where in set(self._live) - set(wanted):
            remote = self._live.pop(where)
            remote.closed = True
            remote.tools.close()
        for where in wanted:
            if where not in self._live:
                self._connect(where, shown=where not in own)

    @property
    def live(self) -> list[Remote]:
        return list(self._live.values())

    def own(self) -> dict[str, Tool]:
        """Tools of the agent."""
        tools: dict[str, Tool] = {}
        for remote in self._live.values():
            if remote.listed is None:
                for tool in remote.found.values():
                    made = _as_tool(remote, tool, tools)
                    tools[made.name] = made
        return tools

    def offered(self, tools: Sequence[c.Tool], taken: set[str]) -> dict[str, Offered]:
        """By their names for the model, those on the servers that are among `tools`."""
        labels = {tool.server_label for tool in tools if isinstance(tool, c.McpTool)}
        found: dict[str, Offered] = {}
        for remote in self._live.values():
            if remote.listed is None or remote.where.label not in labels:
                continue
            for tool in remote.found.values():
                name = _free(tool.name, remote.where.label, taken | set(found))
                found[name] = Offered(remote, tool, name)
        return found

    # ---- within --------------------------------------------------------------------------------

    def _connect(self, where: ToolServer, *, shown: bool) -> None:
        listed = None
        if shown:
            mcp: dict[str, Any] = {"server_label": where.label, "tools": []}
            listed = Item(fresh("mcpl"), "mcp_list_tools", mcp=mcp)
        remote = Remote(where, self._session.cast.connect(where), listed)
        self._live[where] = remote
        self._session.spawn(self._serve(remote), "mcp")

    async def _serve(self, remote: Remote) -> None:
        session, listed = self._session, remote.listed
        if listed is not None:
            session.emit(f.ItemAdded(listed, session.conversation.add(listed)))
            session.emit(f.McpListing(listed.id, "in_progress"))
        for _ in range(MOST_RETURNS):
            try:
                await remote.tools.serve(lambda found: self._ready(remote, found))
            except EngineError as error:
                log.warning("an MCP server cannot be used", session=session.id, error=str(error))
                if not remote.known:
                    self._failed(remote, error)
                    return
            if remote.closed:
                return
            await asyncio.sleep(RETURN_S)

    def _ready(self, remote: Remote, found: list[RemoteTool]) -> None:
        first, remote.known = not remote.known, True
        remote.found = {tool.name: tool for tool in found}
        if (duplex := self._session.duplex) is not None:
            duplex.updated()
        if not first or remote.listed is None:
            return
        shown = [
            {"name": t.name, "description": t.description, "input_schema": t.schema} for t in found
        ]
        mcp = {"server_label": remote.where.label, "tools": shown}
        self._list(Item(remote.listed.id, "mcp_list_tools", mcp=mcp), "completed")

    def _failed(self, remote: Remote, error: EngineError) -> None:
        if remote.listed is not None:
            self._list(remote.listed, "failed")
        self._session.emit(f.Failed("server_error", "mcp_server_failed", error.message))

    def _list(self, item: Item, phase: Any) -> None:
        session = self._session
        if item.id not in session.conversation:
            return
        session.conversation.replace(item)
        session.emit(f.McpListing(item.id, phase))
        session.emit(f.ItemDone(item, session.conversation.previous(item.id)))


def server(tool: c.McpTool, local: bool) -> ToolServer:
    """The server that a client names; `local`: it may be in this server's own network."""
    headers = dict(tool.headers or {})
    if tool.authorization is not None:
        headers["Authorization"] = f"Bearer {tool.authorization}"
    told = tool.model_dump(include={"allowed_tools", "require_approval"})
    return ToolServer(
        tool.server_label, tool.server_url,
        headers=tuple(headers.items()),
        allowed=chosen(told["allowed_tools"], ALL),
        approve=approved(told["require_approval"]),
        public_only=not local,
    )  # fmt: skip


def _as_tool(remote: Remote, tool: RemoteTool, taken: Mapping[str, Any]) -> Tool:
    async def call(arguments: Mapping[str, Any]) -> str:
        return await remote.call(tool.name, arguments)

    where = remote.where
    return Tool.remote(
        _free(tool.name, where.label, set(taken)),
        tool.description,
        tool.schema,
        call,
        # The connection has a time-out of its own, which says more.
        timeout=where.timeout + 4 * RETURN_S,
        confirm=where.approve.takes(tool.name, tool.read_only),
    )


def _free(name: str, label: str, taken: set[str]) -> str:
    return f"{label}_{name}"[:64] if name in taken else name
