"""A session that goes on in another process: what was under way when the last one ended."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from ..protocol import facts as f
from ..protocol.commands import ResponseParams
from ..protocol.ids import fresh
from ..protocol.items import Item, Part
from ..turn import inputs as i
from .brain import Ask, Brain
from .past import CUT_OFF, Past, tool_items

if TYPE_CHECKING:
    from .session import Session

UNKNOWN = json.dumps({"status": "unknown", "reason": "interrupted"})
"""Tells the model that a tool was started, and that nobody knows what came of it."""


async def go_on(session: Session, past: Past) -> None:
    """Settle the tools that were running, and give the answer that is owed."""
    for step in past.open_tools:
        if step.output is None:
            await _settle(session, step)
    if past.owed:
        last = session.conversation.last
        if last is not None and last.role == "assistant":
            note = Item(fresh("item"), "message", "system", (Part("input_text", text=CUT_OFF),))
            session.conversation.add(note, hidden=True)
        session.ask(ResponseParams())
        session.tell(i.Create())
    for step in past.open_tools:
        if step.output is not None:
            await _settle(session, step)


async def _settle(session: Session, step: f.ToolStep) -> None:
    """A tool that may be called twice is called again by the same key; of any other it is said that
    its outcome is unknown, because it must not be."""
    tool = session.cast.agent.tools.get(step.name)
    if tool is None or not tool.idempotent:
        done = f.ToolStep(step.call_id, step.name, step.arguments, "failed", UNKNOWN)
        if step.output is not None:
            session.background.came(done)
            return
        for item in tool_items(step, UNKNOWN):
            session.conversation.add(item, hidden=True)
        session.emit(done)
        return
    certain = asyncio.Event()
    certain.set()
    brain = Brain(session, Ask("", [], conversation=session.conversation), session.emit, certain)
    output = await brain.run_tool(step)
    if step.output is None:
        for item in tool_items(step, output):
            session.conversation.add(item, hidden=True)
