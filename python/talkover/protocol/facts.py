"""What a session says: one ordered stream of facts, which every protocol is a codec over.

Times (`*_ms`) are milliseconds; `at_ms` of speech counts on the caller's audio clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from .commands import Purpose
from .items import Item

Modality = Literal["audio", "text"]
ReplyStatus = Literal["completed", "cancelled", "failed", "incomplete"]


@dataclass(frozen=True, slots=True)
class SessionCreated:
    config: dict[str, Any]
    items: tuple[Item, ...] = ()
    """What the conversation holds already, where a session goes on."""


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    config: dict[str, Any]
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    item: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    item: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Committed:
    item: str
    previous: str | None


@dataclass(frozen=True, slots=True)
class TimeoutTriggered:
    """The user said nothing for the idle timeout, from `start_ms` to `end_ms`."""

    item: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A telephone's key; `at` is Unix seconds."""

    key: str
    at: int


@dataclass(frozen=True, slots=True)
class InputCleared:
    pass


@dataclass(frozen=True, slots=True)
class ItemAdded:
    item: Item
    previous: str | None


@dataclass(frozen=True, slots=True)
class ItemDone:
    item: Item
    previous: str | None


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    item: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class ItemDeleted:
    item: str


@dataclass(frozen=True, slots=True)
class ItemRetrieved:
    item: Item


@dataclass(frozen=True, slots=True)
class TranscriptDelta:
    item: str
    text: str


@dataclass(frozen=True, slots=True)
class Transcribed:
    item: str
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TranscriptSegment:
    """Of a recogniser that tells speakers apart; seconds from the item's start."""

    item: str
    id: str
    speaker: str
    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    item: str
    message: str


@dataclass(frozen=True, slots=True)
class ReplyCreated:
    """`audio` is the protocol's object for the output's voice and format."""

    reply: str
    modality: Modality
    metadata: dict[str, str] | None = None
    conversation: bool = True
    audio: dict[str, Any] | None = None
    most_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ReplyItemAdded:
    reply: str
    item: Item
    index: int
    previous: str | None
    modality: Modality
    conversation: bool = True


@dataclass(frozen=True, slots=True)
class ReplyText:
    reply: str
    item: str
    index: int
    delta: str


@dataclass(frozen=True, slots=True)
class ReplyTranscript:
    reply: str
    item: str
    index: int
    delta: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """In the session's output format. For legs that carry audio as events; never logged."""

    reply: str
    item: str
    index: int
    sound: bytes = field(repr=False)
    packet: bool = False
    """It is one Opus packet, which a socket carries as it is."""


@dataclass(frozen=True, slots=True)
class ReplyArguments:
    reply: str
    item: str
    index: int
    call_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class ReplyItemDone:
    reply: str
    item: Item
    index: int
    previous: str | None
    conversation: bool = True


@dataclass(frozen=True, slots=True)
class ReplyDone:
    reply: str
    status: ReplyStatus
    reason: str | None
    items: tuple[Item, ...]
    usage: dict[str, int]
    modality: Modality = "audio"
    error: tuple[str, str, str] | None = None
    metadata: dict[str, str] | None = None
    conversation: bool = True
    audio: dict[str, Any] | None = None
    most_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class McpListing:
    """The tools of an MCP server are asked for; `item` will list them."""

    item: str
    phase: Literal["in_progress", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class McpArguments:
    """Of an MCP call: a piece, or all of them where `done`."""

    reply: str
    item: str
    index: int
    arguments: str
    done: bool = False


@dataclass(frozen=True, slots=True)
class McpCall:
    item: str
    index: int
    phase: Literal["in_progress", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class AudioStarted:
    reply: str
    rtp: int


@dataclass(frozen=True, slots=True)
class AudioStopped:
    reply: str


@dataclass(frozen=True, slots=True)
class AudioCleared:
    reply: str


EngineStage = Literal["stt", "llm", "tts"]


@dataclass(frozen=True, slots=True)
class Failed:
    type: str
    code: str | None
    message: str
    param: str | None = None
    event_id: str | None = None
    stage: EngineStage | None = None
    """The engine that failed, where it was one; for the server's own figures."""


@dataclass(frozen=True, slots=True)
class State:
    user: str
    agent: str


@dataclass(frozen=True, slots=True)
class Word:
    """A word begins to sound: characters `start`..`end` of the item's transcript."""

    reply: str
    item: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Ducked:
    reply: str


@dataclass(frozen=True, slots=True)
class Held:
    reply: str


@dataclass(frozen=True, slots=True)
class Resumed:
    reply: str


@dataclass(frozen=True, slots=True)
class Backchannel:
    text: str


Decision = Literal["commit", "discard", "interrupt", "resume"]


@dataclass(frozen=True, slots=True)
class Decided:
    """What the turn machine decided, and why, in words."""

    decision: Decision
    why: str


@dataclass(frozen=True, slots=True)
class TurnTimings:
    """The silence that the user heard, by stage, ms; the stages add up to `total`. Told again once
    the client's part is known."""

    reply: str
    timings: dict[str, float]


@dataclass(frozen=True, slots=True)
class ToolStep:
    call_id: str
    name: str
    arguments: str
    phase: Literal["started", "done", "failed", "asked", "planned"]
    """`asked`: not before the user agreed. Clients are not told of plans."""
    output: str | None = None
    """Of a tool that is only started: what the model is told of it, since it runs in the
    background."""
    ms: int | None = None


@dataclass(frozen=True, slots=True)
class Partial:
    item: str
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    reply: str
    item: str
    text: str
    played_ms: int
    exact: bool


@dataclass(frozen=True, slots=True)
class App:
    name: str
    data: Any


@dataclass(frozen=True, slots=True)
class HandedOff:
    """Another of the server's agents has the call from now on."""

    agent: str


@dataclass(frozen=True, slots=True)
class Network:
    transport: str
    rtt_ms: float | None = None
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """A client's text is in the conversation. `event_id` is the client's, here and below."""

    purpose: Purpose
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Muted:
    """The agent hears silence from now on, or the user again."""

    on: bool
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A human speaks in the agent's place from now on, or the agent does again."""

    on: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """A reader was too slow to be told the facts of these numbers: the log has what is kept."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ClientSound:
    """A client's own sound is played in the agent's place, or was played to its end."""

    phase: Literal["playing", "played"]
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class MoveWanted:
    """The server stops in so many seconds: connect another leg beside this one, and let it wait."""

    seconds: int


How = Literal["asked", "expired", "left", "lost", "moved"]
"""Somebody ended the call, its time was up, the caller hung up, the caller vanished, or another
process has the call now."""


@dataclass(frozen=True, slots=True)
class Ended:
    reason: str
    how: How = "asked"


Fact = (
    SessionCreated | SessionUpdated | SpeechStarted | SpeechStopped | Committed | TimeoutTriggered
    | KeyPressed | InputCleared | ItemAdded | ItemDone | ItemTruncated | ItemDeleted
    | ItemRetrieved | TranscriptDelta | Transcribed | TranscriptSegment | TranscriptionFailed
    | ReplyCreated | ReplyItemAdded | ReplyText | ReplyTranscript | ReplyAudio | ReplyArguments
    | ReplyItemDone | ReplyDone | McpListing | McpArguments | McpCall | AudioStarted
    | AudioStopped | AudioCleared | Failed | State | Word | Ducked | Held | Resumed | Backchannel
    | Decided | TurnTimings | ToolStep | Partial | Heard | App | HandedOff | Network | Appended
    | Muted | TakenOver | Gap | ClientSound | MoveWanted | Ended
)  # fmt: skip
