"""What a session resumes from: its log, read from the start. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ..cluster.base import Record
from ..protocol import facts as f
from ..protocol.items import Item
from ..protocol.logged import from_json
from .conversation import Conversation

CUT_OFF = "Your last words were cut off: the connection broke and is back now. Go on from there."
"""Tells the model why its answer stops short."""
LATER = "_later"
"""Ends the id of the call under which a result comes that was not waited for."""


@dataclass(slots=True)
class Past:
    """`config` None: as it was opened. `number` and `at_ms` are of the last record.

    `open_tools` were started, and nobody knows what came of them; one with an output ran in the
    background. `owed`: the user was promised an
    answer that was not finished.
    """

    conversation: Conversation = field(default_factory=Conversation)
    config: dict[str, Any] | None = None
    agent: str | None = None
    """Who has the call, where it was handed off."""
    muted: bool = False
    """By its client's own word."""
    state: dict[str, Any] = field(default_factory=dict[str, Any])
    usage: dict[str, int] = field(default_factory=dict[str, int])
    number: int = 0
    at_ms: int = 0
    open_tools: tuple[f.ToolStep, ...] = ()
    owed: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing was said or done yet."""
        return self.number == 0


def past(records: Iterable[Record]) -> Past:
    """ValueError where the log holds what is no record of a session."""
    reader = _Reader()
    for record in records:
        fact, beside = from_json(record.text)
        reader.take(fact)
        found = reader.past
        found.number, found.at_ms = record.seq, record.at_ms
        found.state = beside.get("state", found.state)
        found.config = beside.get("session", found.config)
    return reader.end()


class _Reader:
    def __init__(self) -> None:
        self.past = Past()
        self._talk = self.past.conversation
        self._running: dict[str, f.ToolStep] = {}
        self._replying: set[str] = set()
        self._unfinished: dict[str, str] = {}
        """Items of replies that are not over, and what was heard of each."""

    def take(self, fact: f.Fact) -> None:
        match fact:
            case f.ItemDone(item, previous):
                self._put(item, previous)
            case f.ReplyCreated(reply, conversation=True):
                self._replying.add(reply)
            case f.ReplyItemAdded(_, item, _, previous, conversation=True):
                self._put(item, previous)
                if item.type == "message":
                    self._unfinished[item.id] = ""
            case f.ReplyItemDone(_, item, _, _, conversation=True):
                self._talk.replace(item)
                self._unfinished.pop(item.id, None)
            case f.ReplyDone(reply, usage=usage):
                self._replying.discard(reply)
                for name, count in usage.items():
                    self.past.usage[name] = self.past.usage.get(name, 0) + count
            case f.Heard(_, item, text):
                self._heard(item, text)
            case f.Transcribed(item, text):
                self._transcribed(item, text)
            case f.HandedOff(agent):
                self.past.agent = agent
            case f.Muted(on):
                self.past.muted = on
            case f.ItemDeleted(item):
                self._talk.delete(item)
            case f.ToolStep():
                self._tool(fact)
            case _:
                pass

    def end(self) -> Past:
        # What was never heard was never said.
        for item, heard in self._unfinished.items():
            if heard:
                self._talk.cut(item, heard)
            else:
                self._talk.delete(item)
        self.past.open_tools = tuple(self._running.values())
        last = self._talk.last
        asked = any(item.role == "user" for item in self._talk.items)
        spoken = last is not None and any(part.type == "input_audio" for part in last.content)
        self.past.owed = asked and (bool(self._replying) or spoken)
        return self.past

    def _put(self, item: Item, previous: str | None) -> None:
        if item.id in self._talk:
            self._talk.replace(item)
            return
        # What the model alone sees has no place of its own on the wire, and stays before this.
        last = self._talk.last
        at_end = previous == (None if last is None else last.id)
        self._talk.add(item, None if at_end else previous or "root")

    def _heard(self, id: str, text: str) -> None:
        if id in self._unfinished:
            self._unfinished[id] = text
            return
        item = self._talk.get(id)
        if item is not None and item.text != text.strip():
            self._talk.cut(id, text)

    def _transcribed(self, id: str, text: str) -> None:
        item = self._talk.get(id)
        if item is not None:
            self._talk.replace(item.with_transcript(text))

    def _tool(self, step: f.ToolStep) -> None:
        items: tuple[Item, ...] = ()
        if step.phase == "started":
            self._running[step.call_id] = step
            if step.output is not None:
                # It runs in the background, and the model was told so.
                items = tool_items(step, step.output)
        elif step.phase in ("done", "failed", "asked"):
            began = self._running.pop(step.call_id, None)
            behind = began is not None and began.output is not None
            items = (later_items if behind else tool_items)(step, step.output or "")
        for item in items:
            self._talk.add(item, hidden=True)


def tool_items(step: f.ToolStep, output: str) -> tuple[Item, Item]:
    """A tool's call and its result, as the model sees them."""
    call = Item(
        f"{step.call_id}_call", "function_call",
        name=step.name, call_id=step.call_id, arguments=step.arguments,
    )  # fmt: skip
    result = Item(
        f"{step.call_id}_result", "function_call_output", call_id=step.call_id, output=output
    )
    return call, result


def later_items(step: f.ToolStep, output: str) -> tuple[Item, Item]:
    """The result of a tool that ran in the background: a call of its own, as the model sees it.

    It is a tool's word and not a system's, so that what stands in it orders nobody about.
    """
    return tool_items(replace(step, call_id=f"{step.call_id}{LATER}"), output)
