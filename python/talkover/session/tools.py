"""Runs the agent's tools for a reply, and tells every step."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import structlog

from ..agent import Agent, Session, Turn
from ..errors import InputError
from ..protocol import facts as f
from ..protocol.ids import fresh
from ..tool import Tool

log = structlog.get_logger("talkover.tools")

MOST_OUTPUT = 32_768
"""Characters of a result that a model is shown."""


class Toolbox:
    """The agent's tools for one turn, and `own` ones of the default brain, of which the agent's go
    first where they share a name. `emit` gets a ToolStep for each beginning and end.

    A tool that is not `safe` waits until the turn is `confirmed` to be over, and until it is `sure`
    that its beginning is known whatever happens.
    """

    def __init__(
        self,
        agent: Agent,
        own: list[Tool],
        turn: Turn,
        session: Session,
        emit: Callable[[f.Fact], None],
        confirmed: asyncio.Event,
        sure: Callable[[], Awaitable[None]],
    ) -> None:
        self._agents = agent.tools
        self._tools = {tool.name: tool for tool in own} | agent.tools
        self._session = session
        self._given: dict[type, Any] = {Turn: turn, Session: session}
        self._emit, self._confirmed, self._sure = emit, confirmed, sure

    def schemas(self, *, own: bool = False) -> list[dict[str, Any]]:
        tools = self._tools if own else self._agents
        return [tool.chat_schema() for tool in tools.values()]

    def has(self, name: str) -> bool:
        return name in self._tools

    def line(self, name: str) -> str | None:
        """What is said while a tool runs."""
        return self._tools[name].say if name in self._tools else None

    async def run(self, name: str, arguments: str, call_id: str) -> str:
        """The result as text for the model; what a tool raises becomes a message to it."""
        self._emit(f.ToolStep(call_id, name, arguments, "planned"))
        began = time.monotonic()
        phase: Literal["done", "failed"]
        try:
            given = _parsed(name, arguments)
            output, phase = _as_text(await self._call(name, given, arguments, call_id)), "done"
        except InputError as error:
            output, phase = f"Error: {error.message}", "failed"
        except TimeoutError:
            output, phase = f"Error: {name} took too long and was stopped.", "failed"
        except Exception as error:
            log.exception("a tool raised", tool=name)
            output, phase = f"Error: {name} failed: {error}", "failed"
        ms = round((time.monotonic() - began) * 1000)
        self._emit(f.ToolStep(call_id, name, arguments, phase, output, ms))
        return output

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """The tool's own value; raises what it raises, InputError for a wrong call."""
        call_id, text = fresh("call"), json.dumps(dict(arguments), default=str)
        step = f.ToolStep(call_id, name, text, "failed")
        try:
            value = await self._call(name, arguments, text, call_id)
            step = f.ToolStep(call_id, name, text, "done", _as_text(value))
            return value
        finally:
            self._emit(step)

    async def _call(self, name: str, given: Mapping[str, Any], arguments: str, call_id: str) -> Any:
        tool = self._tools.get(name)
        if tool is None:
            known = ", ".join(sorted(self._tools)) or "none"
            raise InputError(f"There is no tool {name!r}; the agent has: {known}.")
        if not tool.safe:
            await self._confirmed.wait()
        self._emit(f.ToolStep(call_id, name, arguments, "started"))
        if not tool.safe:
            # If this process falls now, the next one knows; if it has fallen behind, it learns it.
            await self._sure()
        return await tool.run(given, self._given, f"{self._session.id}/{call_id}")


def _parsed(name: str, arguments: str) -> Mapping[str, Any]:
    try:
        value = json.loads(arguments or "{}")
    except ValueError:
        raise InputError(f"{name}: the arguments are not JSON.") from None
    if not isinstance(value, dict):
        raise InputError(f"{name}: the arguments are not a JSON object.")
    return value  # pyright: ignore[reportUnknownVariableType]  JSON objects have string keys


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= MOST_OUTPUT else text[:MOST_OUTPUT] + " … (cut)"
