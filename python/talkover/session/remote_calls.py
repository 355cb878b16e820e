"""A turn's calls of tools on the client's MCP servers, as items that the client sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import structlog

from ..engines.base import CallFailed
from ..errors import TalkoverError
from ..protocol.ids import fresh
from ..protocol.items import Item
from .conversation import Conversation
from .remote import Offered

if TYPE_CHECKING:
    from .session import Session

log = structlog.get_logger("talkover.remote")

MOST_OUTPUT = 32_768
"""Characters of a result that a model is shown."""


class RemoteCalls:
    """Those of one reply. `show` begins an item of the reply's, and ends it when it comes again.

    None is made before the turn is `confirmed` to be over: that a tool changes nothing is only its
    server's word.
    """

    def __init__(
        self,
        session: Session,
        offered: Mapping[str, Offered],
        confirmed: asyncio.Event,
        show: Callable[[Item], None],
    ) -> None:
        self._session, self._offered = session, offered
        self._confirmed, self._show = confirmed, show

    def has(self, name: str) -> bool:
        return name in self._offered

    def schemas(self) -> list[dict[str, Any]]:
        return [tool.chat_schema() for tool in self._offered.values()]

    async def run(self, name: str, arguments: str) -> bool:
        """Call it, or ask the client whether to; False where the call waits for that."""
        tool = self._offered[name]
        await self._confirmed.wait()
        call = {"server_label": tool.label, "name": tool.tool.name, "arguments": arguments}
        if tool.needs_approval:
            self._show(Item(fresh("mcpr"), "mcp_approval_request", mcp=call))
            return False
        await self._make(tool, call)
        return True

    async def make_approved(self, talk: Conversation) -> None:
        """The calls that were approved since."""
        for request in talk.approved():
            await self._confirmed.wait()
            asked = request.mcp or {}
            tool = next(
                (
                    one
                    for one in self._offered.values()
                    if (one.label, one.tool.name) == (asked["server_label"], asked["name"])
                ),
                None,
            )
            await self._make(tool, asked | {"approval_request_id": request.id})

    async def _make(self, tool: Offered | None, call: dict[str, Any]) -> None:
        item = Item(fresh("mcp"), "mcp_call", mcp=call)
        self._show(item)
        try:
            # If this process falls now, the next one knows that it was begun.
            await self._session.sure()
            if tool is None:
                raise CallFailed("The tool's server is no longer among the session's tools.")
            output = await tool.call(_parsed(call["arguments"]))
            ended: dict[str, Any] = {"output": output[:MOST_OUTPUT]}
        except CallFailed as error:
            shown: dict[str, Any] = {"type": error.kind, "message": error.message}
            if error.kind != "tool_execution_error":
                shown["code"] = error.number
            ended = {"error": shown}
        except TalkoverError as error:
            ended = {"error": {"type": "tool_execution_error", "message": error.message}}
        self._show(replace(item, mcp=call | ended))


def _parsed(arguments: str) -> dict[str, Any]:
    try:
        value = json.loads(arguments or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise CallFailed("The arguments are not a JSON object.")
    return cast("dict[str, Any]", value)
