"""What an engine is: a few small protocols. No engine ever sees a session.

All methods are called on the event loop's thread and must not block it; whatever is bound by the
CPU runs in a process of its own (`worker.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ..errors import EngineError

Role = Literal["stt", "llm", "tts", "s2s", "turn"]


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What a person should know of an engine before talking to it.

    `where` is "this machine" or a host; `leaves_machine` says whether audio or text goes there;
    `marks` (voices only): exact word times come with the speech; `partials` (recognisers only):
    words come while they are spoken; `openai_voices` (voices only): it knows OpenAI's names.
    `languages` are what it understands or speaks, as BCP 47 has them; empty where it does not say.
    """

    name: str
    role: Role
    where: str = "this machine"
    demo: bool = False
    leaves_machine: bool = False
    marks: bool = False
    partials: bool = False
    openai_voices: bool = False
    languages: tuple[str, ...] = ()
    note: str = ""

    @property
    def abilities(self) -> list[str]:
        """What it can do, in words."""
        found = {
            "words while they are spoken": self.partials,
            "word times": self.marks,
            "owns the floor": self.role == "s2s",
            f"languages: {', '.join(self.languages)}": bool(self.languages),
        }
        return [words for words, so in found.items() if so]


@dataclass(frozen=True, slots=True)
class Words:
    """Recognized words; `complete` says whether they end a sentence (None: unknown).

    A recogniser that hears words in anything says when it is not `sure` of them.
    """

    text: str
    final: bool
    complete: bool | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Speech:
    """PCM, signed 16-bit little-endian, mono, at `rate` Hz.

    `words` are (sample offset in this chunk, character offset in the text given to `speak`).
    """

    pcm: bytes
    rate: int
    words: tuple[tuple[int, int], ...] = ()


class Engine(Protocol):
    @property
    def info(self) -> EngineInfo: ...

    async def warm(self) -> None:
        """Make ready; EngineError names what is wrong and how to mend it."""
        ...

    async def close(self) -> None: ...


class SttStream(Protocol):
    """One caller's ear."""

    def feed(self, pcm: bytes) -> None:
        """Take 16 kHz mono s16le of an utterance, from 300 ms before its onset on."""
        ...

    async def finish(self) -> Words:
        """The utterance's final words so far; EngineError where they cannot be had.

        The utterance may go on: further `feed` and another `finish` give the words of all of it,
        until `reset`.
        """
        ...

    def reset(self) -> None:
        """The utterance is over; what is fed next belongs to another."""
        ...

    def close(self) -> None: ...


class Stt(Engine, Protocol):
    def open(self, language: str, on_words: Callable[[Words], None]) -> SttStream:
        """`on_words` is called on the loop's thread with what is understood so far."""
        ...


class Llm(Engine, Protocol):
    def reply(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]],
        *,
        tool_choice: Any = "auto",
        max_tokens: int | None = None,
    ) -> AsyncGenerator[TextDelta | ToolCall | Usage]:
        """Answer chat messages; closing the generator closes the upstream request."""
        ...

    def while_speaking(self, words: str) -> str | None:
        """What to say at once to words still being spoken; None for nearly all models."""
        ...


class Tts(Engine, Protocol):
    def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        """Speak one chunk of text; closing the generator stops the work behind it."""
        ...


class Endpointer(Engine, Protocol):
    """Hears whether a turn is over; it advises, the rules decide."""

    async def likely_end(self, pcm: bytes) -> float | None:
        """How likely the turn is over, 0 to 1; None where that cannot be told at once.

        `pcm` is 16 kHz mono s16le of the turn so far, its last 8 s at most, with the pause at its
        end. Cancel it when the caller goes on.
        """
        ...


@dataclass(frozen=True, slots=True)
class RemoteTool:
    """`schema` is the JSON schema of its arguments; `read_only`: it says it changes nothing."""

    name: str
    description: str
    schema: dict[str, Any]
    read_only: bool = False


Failure = Literal["protocol_error", "tool_execution_error", "http_error"]


class CallFailed(EngineError):
    """A call of a remote tool failed: of what kind, and by which number of its protocol's."""

    code = "tool_failed"

    def __init__(
        self, message: str, kind: Failure = "tool_execution_error", number: int = 0
    ) -> None:
        super().__init__(message)
        self.kind, self.number = kind, number


class Tools(Protocol):
    """The tools of one server, for one session."""

    @property
    def up(self) -> asyncio.Event:
        """Set while they can be called."""
        ...

    async def serve(self, ready: Callable[[list[RemoteTool]], None]) -> None:
        """Connect, tell the tools, and stay until cancelled; returns where it was cut off.

        EngineError where it cannot be connected.
        """
        ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """What the tool gives, as text. CallFailed."""
        ...

    def close(self) -> None:
        """Have `serve` return."""
        ...


# ---- speech to speech ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opening:
    """What a dialogue begins with. `tools` and `history` are as for `Llm.reply`.

    `resume`: what the dialogue before had to go on with; a model that can do that leaves the
    history, which it knows, and one that cannot ignores it.
    """

    instructions: str
    tools: list[dict[str, Any]]
    history: list[dict[str, Any]]
    voice: str | None = None
    language: str = "en"
    resume: str | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """More of what the model says in `item`: its sound, its words, or both.

    Words may come before their sound; `pcm` is 24 kHz mono s16le.
    """

    item: str
    pcm: bytes = b""
    text: str = ""


@dataclass(frozen=True, slots=True)
class UserSpeaks:
    """The model heard the user begin, and yields the floor."""


@dataclass(frozen=True, slots=True)
class UserTurn:
    """The user's turn is over; its words may follow."""

    item: str


@dataclass(frozen=True, slots=True)
class UserWords:
    item: str
    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The model has said what it has to say."""


@dataclass(frozen=True, slots=True)
class CallsCancelled:
    """The model wants no results of these calls any more."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ends:
    """The provider will hang up in so many seconds."""

    in_s: float


DialogueEvent = (
    Spoken | UserSpeaks | UserTurn | UserWords | ToolCall | Answered | CallsCancelled | Ends
)


class Dialogue(Protocol):
    """One caller's dialogue, with one connection behind it."""

    @property
    def resume(self) -> str | None:
        """What another dialogue can go on with where this one is; None: only from the history."""
        ...

    def feed(self, pcm: bytes) -> None:
        """Take all of the caller's sound as it comes, 16 kHz mono s16le."""
        ...

    def events(self) -> AsyncGenerator[DialogueEvent]:
        """Ends when the provider hangs up; EngineError for what went wrong."""
        ...

    async def update(self, instructions: str, tools: list[dict[str, Any]]) -> bool:
        """Have these from now on; False where that takes another dialogue."""
        ...

    async def tell(self, message: dict[str, Any]) -> None:
        """Something was written, or shown: a message as in `Opening.history`. Nothing is said to
        it before `ask`."""
        ...

    async def result(self, call: ToolCall, output: str) -> None:
        """What a tool gave that this dialogue called, or one before; `ask` once all are told."""
        ...

    async def ask(self, instructions: str | None = None) -> None:
        """Have the model speak now."""
        ...

    async def truncate(self, item: str | None, heard_ms: int) -> None:
        """Say no more now; of `item` the caller heard only so much."""
        ...

    async def close(self) -> None: ...


class SpeechToSpeech(Engine, Protocol):
    """A model that hears and speaks, and decides by itself when to."""

    async def open(self, opening: Opening) -> Dialogue:
        """EngineError where it cannot be reached."""
        ...


# ---- how an engine is found ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the settings say of one engine; whoever makes it takes what it knows.

    `spec` is as it was written, for errors, without its key. `url` is None for one that was asked
    for by its provider's name. `stall_s`: silence after which the engine has failed.
    """

    role: Role
    spec: str
    url: str | None = None
    model: str | None = None
    api_key: str | None = None
    voice: str | None = None
    stall_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Provider:
    """Who makes engines. An entry point of the group `talkover.engines` names an object of this.

    A maker starts and connects nothing. ConfigError says which setting is missing. `state`: what
    of its models is on this machine, and how to get them; for lists.
    """

    note: str
    makers: Mapping[Role, Callable[[Wanted], Any]]
    state: Callable[[], str] | None = None
