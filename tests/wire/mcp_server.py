"""A server of tools, by the package that others write theirs with: `mcp_server.py [PORT]`."""

from __future__ import annotations

import asyncio
import os
import sys

from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations


def made() -> MCPServer:
    server = MCPServer("shop")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    async def price(dish: str) -> str:
        """What a dish costs."""
        return f"the {dish} is ten euros"

    @server.tool()
    async def buy(dish: str) -> str:
        """Buy a dish."""
        return f"bought the {dish}"

    @server.tool()
    async def fail() -> str:
        """Go wrong."""
        raise ValueError("no such luck")

    @server.tool()
    async def hang() -> str:
        """Take for ever."""
        await asyncio.sleep(3600)
        return ""

    @server.tool()
    async def die() -> str:
        """End the server in mid-call."""
        os._exit(3)

    return server


if __name__ == "__main__":
    if len(sys.argv) > 1:
        made().run("streamable-http", port=int(sys.argv[1]))
    else:
        made().run()
