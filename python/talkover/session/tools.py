"""Runs the agent's tools for a reply, and tells every step."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from ..agent import Agent, Turn
from ..agent import Session as Facade
from ..engines.base import CallFailed
from ..errors import InputError
from ..protocol import facts as f
from ..protocol.ids import fresh
from ..tool import Tool
from .background import RUNNING
from .consent import NotAgreed
from .conversation import Conversation
from .past import tool_items

if TYPE_CHECKING:
    from .session import Session

log = structlog.get_logger("talkover.tools")

STOPPED = "Stopped: the user cut in. It may have had its effect all the same."
MOST_OUTPUT = 32_768
"""Characters of a result that a model is shown."""


class Toolbox:
    """The agent's tools for one turn, and `own` ones of the default brain, of which the agent's go
    first where they share a name. `emit` gets a ToolStep for each beginning and end.

    A tool that is not `safe` waits until the turn is `confirmed` to be over, and until its session
    is sure that its beginning is known whatever happens.
    """

    def __init__(
        self,
        session: Session,
        agent: Agent,
        own: list[Tool],
        turn: Turn,
        emit: Callable[[f.Fact], None],
        confirmed: asyncio.Event,
        talk: Conversation,
    ) -> None:
        self._agents = session.remotes.own() | agent.tools
        self._tools = {tool.name: tool for tool in own} | self._agents
        self._session = session
        self._given: dict[type, Any] = {Turn: turn, Facade: session.facade}
        self._emit, self._confirmed, self._talk = emit, confirmed, talk
        self._steps: dict[str, f.ToolStep] = {}
        """The last of each call of the model's latest request."""

    def schemas(self, *, own: bool = False) -> list[dict[str, Any]]:
        tools = self._tools if own else self._agents
        return [tool.chat_schema() for tool in tools.values()]

    def has(self, name: str) -> bool:
        return name in self._tools

    def line(self, name: str) -> str | None:
        """What is said where a tool takes its time."""
        return self._tools[name].say if name in self._tools else None

    async def run(self, name: str, arguments: str, call_id: str) -> str:
        """The result as text for the model; what a tool raises becomes a message to it."""
        planned = f.ToolStep(call_id, name, arguments, "planned")
        self._emit(planned)
        tool = self._tools.get(name)
        if tool is not None and tool.background:
            begun = await _outcome(planned, lambda: self._begin(tool, planned))
            if begun.phase != "done":
                self._emit(begun)
            return begun.output or ""
        done = await _outcome(planned, lambda: self._call(name, _parsed(planned), planned))
        self._steps[call_id] = done
        self._emit(done)
        return done.output or ""

    def settled(self) -> None:
        """All calls of a request have their results in the conversation."""
        self._steps.clear()

    def stopped(self) -> None:
        """The turn was cancelled: what ran, or had run, is known to the model all the same."""
        steps, self._steps = self._steps, {}
        if not self._confirmed.is_set() or self._session.ended:
            return
        for step in steps.values():
            if step.phase == "started":
                step = replace(step, phase="failed", output=STOPPED)
                self._emit(step)
            for item in tool_items(step, step.output or ""):
                self._talk.add(item, hidden=True)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """The tool's own value; raises what it raises, InputError for a wrong call."""
        text = json.dumps(dict(arguments), default=str)
        planned = f.ToolStep(fresh("call"), name, text, "planned")
        step = replace(planned, phase="failed")
        try:
            value = await self._call(name, arguments, planned)
            step = replace(planned, phase="done", output=_as_text(value))
            return value
        except NotAgreed as error:
            step = replace(planned, phase="asked", output=error.message)
            raise
        finally:
            self._steps.pop(planned.call_id, None)
            self._emit(step)

    async def _call(self, name: str, given: Mapping[str, Any], planned: f.ToolStep) -> Any:
        tool = self._tools.get(name)
        if tool is None:
            known = ", ".join(sorted(self._tools)) or "none"
            raise InputError(f"There is no tool {name!r}; the agent has: {known}.")
        await self._start(tool, given, planned)
        return await self._work(tool, given, planned)

    async def _begin(self, tool: Tool, planned: f.ToolStep) -> str:
        """Have it run on behind the conversation."""
        given, behind = _parsed(planned), self._session.background
        tool.check(given)
        with behind.place(planned.call_id):
            await self._start(tool, given, planned, RUNNING)
            behind.begin(
                planned.call_id, lambda: _outcome(planned, lambda: self._work(tool, given, planned))
            )
        return RUNNING

    async def _start(
        self, tool: Tool, given: Mapping[str, Any], planned: f.ToolStep, told: str | None = None
    ) -> None:
        if tool.confirm or not tool.safe:
            await self._confirmed.wait()
        if tool.confirm:
            session = self._session
            session.consent.require(tool.name, given, self._talk.whole, session.clock())
        started = replace(planned, phase="started", output=told)
        if told is None:
            self._steps[planned.call_id] = started
        self._emit(started)
        if not tool.safe:
            # If this process falls now, the next one knows; if it has fallen behind, it learns it.
            await self._session.sure()

    async def _work(self, tool: Tool, given: Mapping[str, Any], planned: f.ToolStep) -> Any:
        return await tool.run(given, self._given, f"{self._session.id}/{planned.call_id}")


async def _outcome(planned: f.ToolStep, work: Callable[[], Awaitable[Any]]) -> f.ToolStep:
    """The last step of a call: what came of it, as the model is told."""
    name, began = planned.name, time.monotonic()
    try:
        step = replace(planned, phase="done", output=_as_text(await work()))
    except NotAgreed as error:
        step = replace(planned, phase="asked", output=error.message)
    except (InputError, CallFailed) as error:
        step = replace(planned, phase="failed", output=f"Error: {error.message}")
    except TimeoutError:
        message = f"Error: {name} took too long and was stopped."
        step = replace(planned, phase="failed", output=message)
    except Exception as error:
        log.exception("a tool raised", tool=name)
        step = replace(planned, phase="failed", output=f"Error: {name} failed: {error}")
    return replace(step, ms=round((time.monotonic() - began) * 1000))


def _parsed(planned: f.ToolStep) -> Mapping[str, Any]:
    name = planned.name
    try:
        value = json.loads(planned.arguments or "{}")
    except ValueError:
        raise InputError(f"{name}: the arguments are not JSON.") from None
    if not isinstance(value, dict):
        raise InputError(f"{name}: the arguments are not a JSON object.")
    return value  # pyright: ignore[reportUnknownVariableType]  JSON objects have string keys


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= MOST_OUTPUT else text[:MOST_OUTPUT] + " … (cut)"
