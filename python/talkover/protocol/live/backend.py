"""Delegated work, told as events of the Responses API within Live's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .. import facts as f
from ..items import Item
from .decoding import BACKEND
from .settings import DELEGATE

Json = dict[str, Any]

MOST_CALLS = 64
"""Calls that wait for their output; of more, the oldest are taken for answered."""


@dataclass(slots=True)
class _Running:
    delegation: str | None
    number: int = 0


@dataclass(slots=True)
class Backend:
    """One leg's view of what runs for it. `began` is when the session did, Unix seconds."""

    began: float
    model: str = "talkover"
    _running: dict[str, _Running] = field(default_factory=dict[str, _Running])
    _calls: dict[str, str | None] = field(default_factory=dict[str, str | None])
    _goes_on: str | None = None

    def created(self, fact: f.ReplyCreated, at_ms: int) -> list[Json]:
        """A reply begins: told where a client asked for it."""
        if fact.metadata != BACKEND:
            return []
        delegation, self._goes_on = self._goes_on, None
        return self._open(fact.reply, delegation, at_ms)

    def written(self, fact: f.ReplyTranscript) -> list[Json]:
        return self._tell(fact.reply, "output_text.delta", {
            "item_id": fact.item, "output_index": fact.index, "content_index": 0,
            "delta": fact.delta, "logprobs": [],
        })  # fmt: skip

    def item_added(self, fact: f.ReplyItemAdded, at_ms: int) -> list[Json]:
        """An item begins; a call of a tool is work that is delegated."""
        item, events = fact.item, list[Json]()
        if item.name == DELEGATE:
            target: Json = {"id": item.call_id, "target": "client", "type": "delegation"}
            return [_delegated(target, at_ms)]
        if item.type == "function_call" and fact.reply not in self._running:
            id = fact.reply.replace("resp", "dlg", 1)
            target = {
                "id": id, "target": "responses", "type": "delegation", "response_id": fact.reply,
            }  # fmt: skip
            events = [_delegated(target, at_ms), *self._open(fact.reply, id, at_ms)]
        shown = {"output_index": fact.index, "item": _output(item.with_status("in_progress"))}
        return events + self._tell(fact.reply, "output_item.added", shown)

    def item_done(self, fact: f.ReplyItemDone) -> list[Json]:
        item, running = fact.item, self._running.get(fact.reply)
        if running is None or item.name == DELEGATE:
            return []
        events: list[Json] = []
        if item.type == "function_call" and item.call_id is not None:
            if len(self._calls) >= MOST_CALLS:
                del self._calls[next(iter(self._calls))]
            self._calls[item.call_id] = running.delegation
            events = self._tell(fact.reply, "function_call_arguments.done", {
                "item_id": item.id, "output_index": fact.index, "name": item.name,
                "arguments": item.arguments or "{}",
            })  # fmt: skip
        done = {"output_index": fact.index, "item": _output(item)}
        return events + self._tell(fact.reply, "output_item.done", done)

    def answered(self, item: Item) -> None:
        """A client gave the output of a call: what it asks for next goes on with that work."""
        if item.type == "function_call_output" and item.call_id in self._calls:
            self._goes_on = self._calls.pop(item.call_id)

    def done(self, fact: f.ReplyDone, at_ms: int) -> list[Json]:
        # A call stands although its reply was cut off: the client answers it all the same.
        kind = "failed" if fact.status == "failed" else "completed"
        response = self._response(fact.reply, kind, at_ms) | {"usage": _usage(fact.usage)}
        if fact.error is not None:
            response["error"] = {"code": "server_error", "message": fact.error[2]}
        events = self._tell(fact.reply, kind, {"response": response})
        self._running.pop(fact.reply, None)
        return events

    def _open(self, reply: str, delegation: str | None, at_ms: int) -> list[Json]:
        self._running[reply] = _Running(delegation)
        response = self._response(reply, "in_progress", at_ms)
        return self._tell(reply, "created", {"response": response})

    def _response(self, reply: str, status: str, at_ms: int) -> Json:
        return {
            "id": reply, "object": "response", "status": status, "model": self.model,
            "created_at": round(self.began + at_ms / 1000), "output": [], "tools": [],
            "tool_choice": "auto", "parallel_tool_calls": True,
        }  # fmt: skip

    def _tell(self, reply: str, kind: str, fields: Json) -> list[Json]:
        running = self._running.get(reply)
        if running is None:
            return []
        inner = {"type": f"response.{kind}", "sequence_number": running.number, **fields}
        running.number += 1
        event: Json = {"type": "response.event", "event": inner}
        if running.delegation is not None:
            event["delegation_id"] = running.delegation
        return [event]


def _delegated(delegation: Json, at_ms: int) -> Json:
    return {"type": "session.delegation.created", "delegation": delegation, "offset_ms": at_ms}


def _output(item: Item) -> Json:
    if item.type == "function_call":
        return {
            "id": item.id, "type": "function_call", "status": item.status, "name": item.name,
            "call_id": item.call_id, "arguments": item.arguments or "",
        }  # fmt: skip
    content: list[Json] = [
        {"type": "output_text", "text": item.text, "annotations": [], "logprobs": []}
    ]
    return {
        "id": item.id, "type": "message", "role": "assistant", "status": item.status,
        "content": content if item.text else [],
    }  # fmt: skip


def _usage(usage: dict[str, int]) -> Json:
    read, written = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }
