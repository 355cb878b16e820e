"""The session object of the Realtime protocol: what a client may set, merged and shown in full."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import BadEvent

JsonObject = dict[str, Any]


class ConfigPart(BaseModel):
    """An object as clients send it: its types are insisted on, its unknown keys are not."""

    # Clients newer than this server send keys that it does not know; they must not fail for it.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, given: Any) -> Any:
        """Clients send null for what they leave to the server."""
        if not isinstance(given, dict):
            return given
        found = cast(JsonObject, given)
        nullable = _nullable(cls)
        return {k: v for k, v in found.items() if v is not None or k in nullable}


@cache
def _nullable(model: type[BaseModel]) -> frozenset[str]:
    """Fields for which null says something."""
    fields = model.model_fields.items()
    return frozenset(name for name, field in fields if type(None) in get_args(field.annotation))


class PcmFormat(ConfigPart):
    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[16000, 24000] = 24000
    """Realtime has the one, Live both."""


class PcmuFormat(ConfigPart):
    type: Literal["audio/pcmu"]


class PcmaFormat(ConfigPart):
    type: Literal["audio/pcma"]


class OpusFormat(ConfigPart):
    """Ours, in Realtime over a WebSocket: each piece of sound is one Opus packet (RFC 6716), mono,
    and goes as a binary message of its own, without Base64 or JSON around it."""

    type: Literal["audio/opus"]


Format = Annotated[PcmFormat | PcmuFormat | PcmaFormat | OpusFormat, Field(discriminator="type")]


SpeechEvents = Literal["confirmed", "all"]
"""Ours: whether `speech_started` during an answer means that it is interrupted, or any voice at
all, as stock clients that stop their playback by themselves may want it."""


class ServerVad(ConfigPart):
    type: Literal["server_vad"] = "server_vad"
    threshold: float = Field(default=0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(default=300, ge=0, le=5000)
    silence_duration_ms: int = Field(default=500, ge=0, le=10000)
    idle_timeout_ms: int | None = Field(default=None, ge=5000, le=30000)
    create_response: bool = True
    interrupt_response: bool = True
    speech_events: SpeechEvents = "confirmed"


class SemanticVad(ConfigPart):
    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True
    speech_events: SpeechEvents = "confirmed"


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class Transcription(ConfigPart):
    model: str | None = None
    language: str | None = Field(default=None, max_length=35)
    languages: list[str] | None = None
    keywords: list[str] | None = None
    prompt: str | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class NoiseReduction(ConfigPart):
    type: Literal["near_field", "far_field"]
    strength: float | None = None


class AudioInput(ConfigPart):
    format: Format = PcmFormat()
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turn_detection: TurnDetection | None = SemanticVad(type="semantic_vad")


class VoiceId(ConfigPart):
    id: str


class AudioOutput(ConfigPart):
    format: Format = PcmFormat()
    voice: str | VoiceId = "default"
    speed: float = Field(default=1.0, ge=0.25, le=1.5)

    @property
    def voice_name(self) -> str:
        return self.voice if isinstance(self.voice, str) else self.voice.id


class AudioConfig(ConfigPart):
    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class FunctionTool(ConfigPart):
    # A tool is shown again as it came, with keys that only its client knows.
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    type: Literal["function"] = "function"
    name: str = Field(min_length=1, max_length=128)
    description: str | None = None
    parameters: JsonObject | None = None


class McpFilter(ConfigPart):
    tool_names: list[str] | None = None
    read_only: bool | None = None


class McpApproval(ConfigPart):
    always: McpFilter | None = None
    never: McpFilter | None = None


class McpTool(ConfigPart):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    type: Literal["mcp"]
    server_label: str = Field(min_length=1, max_length=64)
    server_url: str | None = Field(default=None, max_length=2048, pattern="^https?://")
    headers: dict[str, str] | None = Field(default=None, max_length=32)
    authorization: str | None = Field(default=None, max_length=8192)
    allowed_tools: list[str] | McpFilter | None = None
    require_approval: Literal["always", "never"] | McpApproval | None = None


class FunctionChoice(ConfigPart):
    type: Literal["function"]
    name: str


class McpChoice(ConfigPart):
    type: Literal["mcp"]
    server_label: str
    name: str | None = None


class RetentionRatio(ConfigPart):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    type: Literal["retention_ratio"]
    retention_ratio: float = Field(ge=0, le=1)


class Tracing(ConfigPart):
    workflow_name: str | None = None
    group_id: str | None = None
    metadata: JsonObject | None = None


class PromptText(ConfigPart):
    type: Literal["input_text"]
    text: str


class PromptImage(ConfigPart):
    type: Literal["input_image"]
    detail: Literal["low", "high", "auto", "original"]
    image_url: str | None = None
    file_id: str | None = None


class PromptFile(ConfigPart):
    type: Literal["input_file"]
    file_id: str | None = None
    file_url: str | None = None
    file_data: str | None = None
    filename: str | None = None


PromptPart = Annotated[PromptText | PromptImage | PromptFile, Field(discriminator="type")]


class Prompt(ConfigPart):
    id: str
    version: str | None = None
    variables: dict[str, str | PromptPart] | None = None


class Reasoning(ConfigPart):
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


Tool = Annotated[FunctionTool | McpTool, Field(discriminator="type")]
ToolChoice = (
    Literal["none", "auto", "required"]
    | Annotated[FunctionChoice | McpChoice, Field(discriminator="type")]
)
MostTokens = Annotated[int, Field(ge=1, le=4096)] | Literal["inf"]
Modalities = Annotated[list[Literal["audio", "text"]], Field(min_length=1, max_length=1)]

_NULLS = (
    ("tracing",), ("audio", "input", "transcription"), ("audio", "input", "noise_reduction"),
    ("audio", "input", "turn_detection"),
)  # fmt: skip
"""Where a client is shown null; elsewhere strict clients know none."""


class SessionConfig(ConfigPart):
    """A session's effective settings. `merge` gives a new one; nothing changes in place."""

    type: Literal["realtime", "transcription"] = "realtime"
    model: str = "talkover"
    output_modalities: Modalities = ["audio"]
    instructions: str = ""
    audio: AudioConfig = AudioConfig()
    tools: list[Tool] = Field(default=[], max_length=512)
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | None = None
    max_output_tokens: MostTokens = "inf"
    truncation: Literal["auto", "disabled"] | RetentionRatio = "auto"
    tracing: Literal["auto"] | Tracing | None = None
    prompt: Prompt | None = None
    reasoning: Reasoning | None = None
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None

    @property
    def modality(self) -> Literal["audio", "text"]:
        return self.output_modalities[0]

    @property
    def most_tokens(self) -> int | None:
        return None if self.max_output_tokens == "inf" else self.max_output_tokens

    def merge(self, patch: JsonObject, *, event_id: str | None = None) -> SessionConfig:
        """Only the keys in `patch` change; null clears. BadEvent names the field that is wrong."""
        merged = _merge(self.model_dump(), patch)
        # The model of a live session stays: clients repeat the name that they were written for.
        merged["model"] = self.model
        try:
            return SessionConfig.model_validate(merged)
        except ValidationError as error:
            raise bad_value("session", error, event_id) from None

    def effective(self, session_id: str, expires_at: int) -> JsonObject:
        """The session as `session.created` and `session.updated` show it; Unix seconds."""
        shown = self.model_dump(mode="json", exclude_none=True)
        for tool in shown["tools"]:
            # Whoever else hears the call needs no key of its client's.
            for secret in ("headers", "authorization"):
                tool.pop(secret, None)
        for path in _NULLS:
            inner = shown
            for name in path[:-1]:
                inner = inner[name]
            inner.setdefault(path[-1], None)
        detection = shown["audio"]["input"]["turn_detection"]
        if detection is not None and detection["type"] == "server_vad":
            detection.setdefault("idle_timeout_ms", None)
        if detection is not None and detection["speech_events"] == "confirmed":
            # Not the protocol's own: shown to whoever set it.
            del detection["speech_events"]
        if self.type == "transcription":
            audio = {"input": shown["audio"]["input"]}
            include = {"include": shown["include"]} if "include" in shown else {}
            shown = {"type": self.type, "audio": audio, **include}
            kind = "realtime.transcription_session"
        else:
            kind = "realtime.session"
        return shown | {"object": kind, "id": session_id, "expires_at": expires_at}


_DEFAULTS = SessionConfig().model_dump()


def first_config(patch: JsonObject) -> SessionConfig:
    """The settings of a new session, from what a client or a secret brought. BadEvent."""
    try:
        return SessionConfig.model_validate(_merge(_DEFAULTS, patch))
    except ValidationError as error:
        raise bad_value("session", error, None) from None


def changed_keys(patch: JsonObject, prefix: str = "") -> set[str]:
    """Dotted names of the fields that a patch touches, such as `audio.output.voice`."""
    found: set[str] = set()
    for key, value in patch.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and key in ("audio", "input", "output"):
            found |= changed_keys(cast(JsonObject, value), f"{name}.")
        else:
            found.add(name)
    return found


def _merge(old: JsonObject, patch: JsonObject) -> JsonObject:
    merged = dict(old)
    for key, value in patch.items():
        before = merged.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            ours, theirs = cast(JsonObject, before), cast(JsonObject, value)
            other = "type" in theirs and theirs["type"] != ours.get("type")
            merged[key] = theirs if other else _merge(ours, theirs)
        else:
            merged[key] = value
    return merged


def bad_value(where: str, error: ValidationError, event_id: str | None) -> BadEvent:
    """The first thing that is wrong, by its path from `where` on."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # Beside the fields, the path names the members of unions.
    fields = {name for model in ConfigPart.__subclasses__() for name in model.model_fields}
    path = (part for part in first["loc"] if isinstance(part, int) or part in fields)
    param = ".".join((where, *map(str, path)))
    missing = first["type"] in ("missing", "union_tag_not_found")
    return BadEvent(
        f"Invalid value for {param}: {first['msg']}.",
        code="missing_required_parameter" if missing else "invalid_value",
        param=param,
        event_id=event_id,
    )
