"""Conversation items: the nouns that facts and commands carry."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import Any, Literal

McpType = Literal["mcp_list_tools", "mcp_call", "mcp_approval_request", "mcp_approval_response"]
ItemType = Literal["message", "function_call", "function_call_output"] | McpType
Role = Literal["system", "user", "assistant"]
Status = Literal["in_progress", "completed", "incomplete"]
PartType = Literal["input_text", "input_audio", "input_image", "output_text", "output_audio"]


@dataclass(frozen=True, slots=True)
class Part:
    """One content part. `audio` is PCM, 24 kHz, kept for `conversation.item.retrieve`."""

    type: PartType
    text: str | None = None
    transcript: str | None = None
    image_url: str | None = None
    detail: str | None = None
    audio: bytes | None = field(default=None, repr=False)

    def wire(self, *, audio: bool = False) -> dict[str, Any]:
        """The part as the protocol shows it; `audio`: with its sound, for retrieval only."""
        match self.type:
            case "input_text" | "output_text":
                return {"type": self.type, "text": self.text or ""}
            case "input_image":
                shown: dict[str, Any] = {"type": self.type, "image_url": self.image_url}
                return shown | ({"detail": self.detail} if self.detail else {})
            case "input_audio" | "output_audio":
                shown = {"type": self.type, "transcript": self.transcript}
                if audio and self.audio is not None:
                    shown["audio"] = base64.b64encode(self.audio).decode()
                return shown


@dataclass(frozen=True, slots=True)
class Item:
    """`mcp` has the fields of the items of the Model Context Protocol, as the wire names them."""

    id: str
    type: ItemType
    role: Role | None = None
    content: tuple[Part, ...] = ()
    status: Status = "completed"
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None
    output: str | None = None
    mcp: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """All words of the item."""
        return " ".join(part.text or part.transcript or "" for part in self.content).strip()

    def with_status(self, status: Status) -> Item:
        return replace(self, status=status)

    def with_transcript(self, text: str) -> Item:
        """What was understood of its first sound whose words were not known."""
        parts = list(self.content)
        for n, part in enumerate(parts):
            if part.type == "input_audio" and part.transcript is None:
                parts[n] = replace(part, transcript=text)
                break
        return replace(self, content=tuple(parts))

    def wire(self, *, audio: bool = False) -> dict[str, Any]:
        """The item as the protocol shows it; absent fields are left out, never null."""
        if self.mcp is not None:
            return {"id": self.id, "type": self.type, **self.mcp}
        shown: dict[str, Any] = {
            "id": self.id,
            "type": self.type,
            "status": self.status,
        }
        if self.type == "message":
            shown["role"] = self.role
            shown["content"] = [part.wire(audio=audio) for part in self.content]
        if self.type == "function_call":
            shown |= {"name": self.name, "call_id": self.call_id, "arguments": self.arguments or ""}
        if self.type == "function_call_output":
            shown |= {"call_id": self.call_id, "output": self.output or ""}
        return shown
