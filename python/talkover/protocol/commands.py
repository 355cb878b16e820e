"""What a client asks of a session. `event_id` is the client's, echoed in errors about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from .config import Format, Tool, ToolChoice
from .items import Item

Modality = Literal["audio", "text"]


@dataclass(frozen=True, slots=True)
class UpdateSession:
    """Change the settings that `patch` names; `session.updated` shows what is in force."""

    patch: dict[str, Any]
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """Sound from the user's microphone, in the session's input format."""

    sound: bytes = field(repr=False)
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class CommitInput:
    """End the user's turn by hand; what was sent before is heard first."""

    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class ClearInput:
    """Throw away what the user said so far in this turn."""

    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class ClearOutput:
    """Stop the agent's voice; nothing happens where it is silent."""

    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class CreateItem:
    """Put an item at the end, first (`root`), or behind another."""

    item: Item
    previous: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class RetrieveItem:
    """Have an item told again, with its sound where that is kept."""

    item: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class TruncateItem:
    """Say how much of the agent's sound was played; the rest was never heard."""

    item: str
    content_index: int
    audio_end_ms: int
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """Take an item out of the conversation."""

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
    """Have the agent answer now, perhaps outside the conversation."""

    params: ResponseParams = field(default_factory=ResponseParams)
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Stop a response; without an id, the conversation's own."""

    reply: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class AppMessage:
    """Data for the agent's `@agent.on(name)`."""

    name: str
    data: Any
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class TellTimings:
    """Say what of the silence before a response only the client knows: how long its microphone held
    the sound back, and when its loudspeaker had the first sound of the response (that of the
    `rtp_timestamp`), in ms since 1970 by the clock of the server's RTCP reports, less their way."""

    reply: str
    capture_ms: int
    heard_at_ms: int
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Speak:
    """Have the agent's voice say a text as it is."""

    text: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Have the agent answer nobody, since a human does, until it is handed back."""

    on: bool
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class HumanVoice:
    """What that human says (PCM, 24 kHz)."""

    sound: bytes = field(repr=False)
    event_id: str | None = None


Purpose = Literal["instructions", "thinking", "commentary"]
"""What a text is for: a rule to follow, something to know, something to say."""


@dataclass(frozen=True, slots=True)
class AppendText:
    """Tell the agent something in mid-call; only `commentary` has it speak.

    `delegation` is the call of a client's tool that this answers, or goes on with.
    """

    purpose: Purpose
    text: str
    delegation: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class MuteInput:
    """Have the agent hear silence instead of the user, or hear the user again."""

    on: bool
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class PlaySound:
    """Play a sound (PCM, 24 kHz) in the agent's place; the user is not heard meanwhile."""

    sound: bytes = field(repr=False)
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class CloseSession:
    """End the call for everybody."""

    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Moving:
    """Say that the other leg that `talkover.move` asked for is connected, and waits."""

    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with the session over this leg, which was made to wait (`?waiting=true`)."""

    event_id: str | None = None


Command = (
    UpdateSession | AppendAudio | CommitInput | ClearInput | ClearOutput | CreateItem
    | RetrieveItem | TruncateItem | DeleteItem | CreateResponse | CancelResponse | AppMessage
    | TellTimings | AppendText | MuteInput | PlaySound | CloseSession
    | Speak | TakeOver | HumanVoice | Moving | Resume
)  # fmt: skip
