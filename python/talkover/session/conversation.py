"""The conversation: items in order, and the same as chat messages. Pure."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

from ..protocol.errors import BadEvent
from ..protocol.items import Item, Part
from ..values import Image

Message = dict[str, Any]

INAUDIBLE = "[inaudible]"
"""Tells the model that something was said and no word of it understood."""
UNSETTLED = "Stopped before its result was there. It may have had its effect all the same."
INTERRUPTED = "[interrupted]"
"""Tells the model that the user cut in here and heard no more."""


class Conversation:
    """Items by place. `hidden` ones (the agent's own tool calls) are for the model only."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._hidden: set[str] = set()

    def __contains__(self, id: str) -> bool:
        return any(item.id == id for item in self._items)

    def get(self, id: str) -> Item | None:
        return next((item for item in self._items if item.id == id), None)

    @property
    def items(self) -> list[Item]:
        """Those that clients see, in order."""
        return [item for item in self._items if item.id not in self._hidden]

    @property
    def whole(self) -> list[Item]:
        """All of them, in order."""
        return list(self._items)

    @property
    def last(self) -> Item | None:
        """The last of them."""
        return next((i for i in reversed(self._items) if i.id not in self._hidden), None)

    def calls(self) -> list[Item]:
        """The calls of tools that clients run."""
        calls = [item for item in self._items if item.type == "function_call"]
        return [item for item in calls if item.id not in self._hidden]

    def is_answered(self, call_id: str) -> bool:
        outputs = (item for item in self._items if item.type == "function_call_output")
        return any(item.call_id == call_id for item in outputs)

    def add(self, item: Item, after: str | None = None, *, hidden: bool = False) -> str | None:
        """Put `item` at the end, or after an id ("root": first).

        Returns the id of the visible item before it. BadEvent for an unknown place or an id that
        is taken.
        """
        if item.id in self:
            raise BadEvent(
                f"An item with the id {item.id!r} exists already.",
                code="item_create_duplicate_item_id",
                param="item.id",
            )
        if after == "root":
            place = 0
        elif after is None:
            place = len(self._items)
        elif after in self:
            place = self._place(after) + 1
        else:
            raise BadEvent(
                f"There is no item {after!r} to put this one after.",
                code="item_create_invalid_previous_item_id",
                param="previous_item_id",
            )
        self._items.insert(place, item)
        if hidden:
            self._hidden.add(item.id)
        return self.previous(item.id)

    def previous(self, id: str) -> str | None:
        """The visible item before `id`."""
        before = self._items[: self._place(id)]
        return next((i.id for i in reversed(before) if i.id not in self._hidden), None)

    def replace(self, item: Item) -> None:
        """Put a newer version of an item in its place; nothing where it was deleted."""
        if item.id in self:
            self._items[self._place(item.id)] = item

    def delete(self, id: str) -> None:
        if id in self:
            del self._items[self._place(id)]

    def cut(self, id: str, heard: str) -> None:
        """Of the assistant's item only `heard` was heard."""
        item = self.get(id)
        if item is not None and item.content:
            part = dataclasses.replace(item.content[0], transcript=heard)
            self.replace(dataclasses.replace(item, content=(part,), status="incomplete"))

    def fork(self) -> Conversation:
        """A copy to think ahead in; `adopt` takes over what was added there."""
        fork = Conversation()
        fork._items, fork._hidden = list(self._items), set(self._hidden)
        return fork

    def adopt(self, fork: Conversation) -> bool:
        """Take what `fork` has after this conversation's last item, and be one with it.

        False, and nothing is changed, where the two differ before that.
        """
        if [item.id for item in fork._items[: len(self._items)]] != [i.id for i in self._items]:
            return False
        self._items += fork._items[len(self._items) :]
        self._hidden |= fork._hidden
        fork._items, fork._hidden = self._items, self._hidden
        return True

    def is_one_with(self, other: Conversation) -> bool:
        """The same, or a fork that was adopted."""
        return self._items is other._items

    def approval(self, request: str) -> Item | None:
        """A client's answer to a request of approval."""
        answers = (item for item in self._items if item.type == "mcp_approval_response")
        return next((a for a in answers if (a.mcp or {})["approval_request_id"] == request), None)

    def approved(self) -> list[Item]:
        """Requests that were approved, and whose calls are still to be made."""
        made = {
            (i.mcp or {}).get("approval_request_id") for i in self._items if i.type == "mcp_call"
        }
        requests = [item for item in self._items if item.type == "mcp_approval_request"]
        answers = [(item, self.approval(item.id)) for item in requests if item.id not in made]
        return [item for item, answer in answers if answer and (answer.mcp or {})["approve"]]

    def messages(self, instructions: str = "") -> list[Message]:
        """The conversation as chat-completions messages, cut to what was heard.

        Neighbours of the same role are joined, because many templates insist on taking turns; a
        call without a result is left out, because every provider refuses one.
        """
        return chat_messages(self._items, instructions)

    def last_user_text(self) -> str:
        """All that the user said since the agent was last heard."""
        for message in reversed(self.messages()):
            if message["role"] == "user":
                return _words(message["content"])
        return ""

    def _place(self, id: str) -> int:
        return next(n for n, item in enumerate(self._items) if item.id == id)


def chat_messages(items: list[Item], instructions: str = "") -> list[Message]:
    """Items as chat-completions messages; see `Conversation.messages`."""
    answered = {item.call_id for item in items if item.type == "function_call_output"}
    asked = {item.call_id for item in items if item.type == "function_call"}
    out: list[Message] = [{"role": "system", "content": instructions}] if instructions else []
    for item in items:
        match item.type:
            case "message":
                _add_message(out, item)
            case "function_call" if item.call_id in answered:
                _add_call(out, item)
            case "function_call_output" if item.call_id in asked:
                out.append(
                    {"role": "tool", "tool_call_id": item.call_id, "content": item.output or ""}
                )
            case "mcp_call" | "mcp_approval_request" if item.mcp is not None:
                _add_call(out, item)
                told = _remote_output(item, items)
                out.append({"role": "tool", "tool_call_id": item.id, "content": told})
            case _:
                pass
    return out


def _remote_output(item: Item, items: list[Item]) -> str:
    """What a model is told of a call on an MCP server."""
    mcp = item.mcp or {}
    if item.type == "mcp_call":
        if mcp.get("error") is not None:
            return f"Error: {mcp['error']['message']}"
        output = mcp.get("output")
        return UNSETTLED if output is None else str(output)
    for one in items:
        answer = one.mcp or {}
        if one.type == "mcp_approval_response" and answer["approval_request_id"] == item.id:
            why = f" {answer['reason']}" if answer.get("reason") else ""
            return "Approved." if answer["approve"] else f"Refused by the user.{why}"
    return "It waits for the user's approval, and is called by itself once that is given."


def with_picture(messages: list[Message], picture: Image | None) -> list[Message]:
    """The messages with what the user shows: beside the user's last words, or, where tools have
    run since, at the end. It is no part of the conversation, which would grow by it each turn."""
    if picture is None:
        return messages
    url = f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode()}"
    shown: Message = {"type": "image_url", "image_url": {"url": url}}
    if not messages or messages[-1]["role"] != "user":
        return [*messages, {"role": "user", "content": [shown]}]
    *before, last = messages
    content = last["content"]
    said = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*before, last | {"content": [*said, shown]}]


def _add_message(out: list[Message], item: Item) -> None:
    content = _content(item.content)
    if not content:
        return
    if item.role == "assistant" and item.status == "incomplete" and isinstance(content, str):
        content = f"{content} {INTERRUPTED}"
    last = out[-1] if out else None
    joins = (
        last is not None
        and last["role"] == item.role
        and item.role != "system"
        and isinstance(last["content"], str)
        and isinstance(content, str)
    )
    if joins and last is not None:
        last["content"] = f"{last['content']} {content}".strip()
    else:
        out.append({"role": item.role, "content": content})


def _add_call(out: list[Message], item: Item) -> None:
    mcp = item.mcp or {}
    named = mcp.get("name", item.name)
    arguments = mcp.get("arguments", item.arguments) or "{}"
    call = {
        "id": item.call_id or item.id,
        "type": "function",
        "function": {"name": named, "arguments": arguments},
    }
    last = out[-1] if out else None
    if last is not None and last["role"] == "assistant":
        last.setdefault("tool_calls", []).append(call)
    else:
        out.append({"role": "assistant", "content": "", "tool_calls": [call]})


def _content(parts: tuple[Part, ...]) -> str | list[Message]:
    if all(part.type != "input_image" for part in parts):
        words = " ".join(filter(None, (p.text or p.transcript for p in parts))).strip()
        unheard = any(p.type == "input_audio" and p.transcript == "" for p in parts)
        return INAUDIBLE if unheard and not words else words
    shown: list[Message] = []
    for part in parts:
        if part.type == "input_image":
            detail = {"detail": part.detail} if part.detail else {}
            shown.append({"type": "image_url", "image_url": {"url": part.image_url} | detail})
        elif part.text or part.transcript:
            shown.append({"type": "text", "text": part.text or part.transcript})
    return shown


def _words(content: str | list[Message]) -> str:
    if isinstance(content, str):
        return content
    return " ".join(str(part["text"]) for part in content if part["type"] == "text")
