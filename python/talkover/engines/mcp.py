"""A client of one MCP server: lists its tools and calls them. Needs `talkover[mcp]`."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from ..errors import EngineError
from ..tool_server import ToolServer
from .base import CallFailed, RemoteTool

CONNECT_S = 15.0
MOST_TOOLS = 256


class McpConnection:
    """`serve` in a task of its own; `call` from any, while it runs."""

    def __init__(self, where: ToolServer) -> None:
        self.where = where
        self.up = asyncio.Event()
        self._client: Any = None
        self._broken = asyncio.Event()

    async def serve(self, ready: Callable[[list[RemoteTool]], None]) -> None:
        """Connect, tell the tools, and stay until cancelled, or until the connection is broken.

        EngineError where it cannot be connected within 15 s.
        """
        self._broken.clear()
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(CONNECT_S):
                    self._client = await stack.enter_async_context(self._connected())
                    tools = await self._list()
                self.up.set()
                ready(tools)
                await self._broken.wait()
        except TimeoutError:
            raise self._unreachable(f"it did not answer within {CONNECT_S:.0f} s") from None
        except EngineError:
            raise
        except Exception as error:
            raise self._unreachable(_first(error)) from None
        finally:
            self.up.clear()
            self._client = None

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """What the tool gives, as text. CallFailed."""
        from mcp import MCPError

        client, seconds = self._client, self.where.timeout
        if client is None:
            raise CallFailed("The tool's server cannot be reached now.", "http_error", 503)
        try:
            async with asyncio.timeout(seconds):
                result = await client.call_tool(name, dict(arguments))
        except TimeoutError:
            raise CallFailed(f"{name} took more than {seconds:g} s.") from None
        except MCPError as error:
            if error.error.code == CLOSED:
                self.close()
            message = error.error.message
            raise CallFailed(message, "protocol_error", error.error.code) from None
        except Exception as error:
            self.close()
            raise CallFailed(
                f"The tool's server failed: {_first(error)}", "http_error", 502
            ) from None
        text = _as_text(result)
        if result.is_error:
            raise CallFailed(text)
        return text

    def close(self) -> None:
        self.up.clear()
        self._broken.set()

    async def _list(self) -> list[RemoteTool]:
        tools: list[RemoteTool] = []
        cursor: str | None = None
        while len(tools) < MOST_TOOLS:
            page = await self._client.list_tools(cursor=cursor)
            for tool in page.tools:
                hints = tool.annotations
                read_only = bool(hints is not None and hints.read_only_hint)
                if self.where.allowed.takes(tool.name, read_only):
                    schema = dict(tool.input_schema)
                    tools.append(RemoteTool(tool.name, tool.description or "", schema, read_only))
            cursor = page.next_cursor
            if cursor is None:
                break
        return tools[:MOST_TOOLS]

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[Any]:
        try:
            from mcp import Client, StdioServerParameters
            from mcp.client.streamable_http import streamable_http_client
        except ImportError:
            raise EngineError("MCP servers need their client: pip install talkover[mcp].") from None
        where = self.where
        async with AsyncExitStack() as stack:
            if where.url is not None:
                if where.public_only:
                    await _check_public(where.url)
                http = await stack.enter_async_context(_http(where))
                target: Any = streamable_http_client(where.url, http_client=http)
            elif where.command:
                program, *rest = where.command
                target = StdioServerParameters(command=program, args=rest, env=dict(where.env))
            elif where.server is not None:
                target = where.server
            else:
                raise self._unreachable("it has no server_url, and connectors are OpenAI's own")
            yield await stack.enter_async_context(Client(target))

    def _unreachable(self, why: str) -> EngineError:
        return EngineError(f"The MCP server {self.where.label!r} cannot be used: {why}.")


CLOSED = -32000
"""The code of a call whose connection ended."""


@asynccontextmanager
async def _http(where: ToolServer) -> AsyncGenerator[Any]:
    import httpx2

    timeout = httpx2.Timeout(where.timeout, connect=CONNECT_S)
    async with httpx2.AsyncClient(headers=dict(where.headers), timeout=timeout) as client:
        yield client


async def _check_public(url: str) -> None:
    """EngineError for an address on this machine or in its network."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise EngineError(f"There is no MCP server at {host!r}.") from None
    for *_, address in found:
        if not ipaddress.ip_address(str(address[0]).split("%")[0]).is_global:
            raise EngineError(
                f"The MCP server at {host!r} is in this server's own network; clients may name "
                "public ones only. Its operator can give it to the agent: Agent(mcp=[…])."
            )


def _as_text(result: Any) -> str:
    texts = [block.text for block in result.content if block.type == "text"]
    if texts or result.structured_content is None:
        others = [f"[{block.type}]" for block in result.content if block.type != "text"]
        return "\n".join([*texts, *others])
    return json.dumps(result.structured_content, ensure_ascii=False)


def _first(error: BaseException) -> str:
    """What went wrong, out of the groups that task groups wrap it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return str(error) or type(error).__name__  # pyright: ignore[reportUnknownArgumentType]
