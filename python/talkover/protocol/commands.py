"""What a client asks of a session. `event_id` is the client's, echoed in errors about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from .config import Format, Tool, ToolChoice
from .items import Item

Modality = Literal["audio", "text"]


@dataclass(frozen=True, slots=True)
class UpdateSession:
    patch: dict[str, Any]
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """In the session's input format."""

    sound: bytes = field(repr=False)
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class CommitInput:
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class ClearInput:
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class ClearOutput:
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class CreateItem:
    item: Item
    previous: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class RetrieveItem:
    item: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class TruncateItem:
    item: str
    content_index: int
    audio_end_ms: int
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteItem:
    item: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseParams:
    """What a `response.create` sets for this one reply; None leaves the session's setting."""

    instructions: str | None = None
    modality: Modality | None = None
    voice: str | None = None
    format: Format | None = None
    tools: tuple[Tool, ...] | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: int | Literal["inf"] | None = None
    metadata: dict[str, str] | None = None
    conversation: bool = True
    input: tuple[Item | str, ...] | None = None
    """Items, or ids of items, instead of the conversation."""


@dataclass(frozen=True, slots=True)
class CreateResponse:
    params: ResponseParams = field(default_factory=ResponseParams)
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class CancelResponse:
    reply: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class AppMessage:
    name: str
    data: Any
    event_id: str | None = None


Command = (
    UpdateSession | AppendAudio | CommitInput | ClearInput | ClearOutput | CreateItem
    | RetrieveItem | TruncateItem | DeleteItem | CreateResponse | CancelResponse | AppMessage
)  # fmt: skip
