"""The session object of the Realtime protocol: what a client may set, merged and shown in full."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import BadEvent

JsonObject = dict[str, Any]


class _Part(BaseModel):
    # Clients newer than this server send keys that it does not know; they must not fail for it.
    model_config = ConfigDict(extra="ignore", frozen=True)


class PcmFormat(_Part):
    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000] = 24000


class PcmuFormat(_Part):
    type: Literal["audio/pcmu"]


class PcmaFormat(_Part):
    type: Literal["audio/pcma"]


Format = Annotated[PcmFormat | PcmuFormat | PcmaFormat, Field(discriminator="type")]


class ServerVad(_Part):
    type: Literal["server_vad"] = "server_vad"
    threshold: float = Field(default=0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(default=300, ge=0, le=5000)
    silence_duration_ms: int = Field(default=500, ge=0, le=10000)
    idle_timeout_ms: int | None = Field(default=None, ge=5000, le=30000)
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(_Part):
    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class Transcription(_Part):
    model: str | None = None
    language: str | None = None
    prompt: str | None = None


class NoiseReduction(_Part):
    type: Literal["near_field", "far_field"]


class AudioInput(_Part):
    format: Format = PcmFormat()
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turn_detection: TurnDetection | None = SemanticVad(type="semantic_vad")


class AudioOutput(_Part):
    format: Format = PcmFormat()
    voice: str | JsonObject = "default"
    speed: float = Field(default=1.0, ge=0.25, le=1.5)


class AudioConfig(_Part):
    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class SessionConfig(_Part):
    """A session's effective settings. `merge` gives a new one; nothing changes in place."""

    type: Literal["realtime", "transcription"] = "realtime"
    model: str = "talkover"
    output_modalities: list[Literal["audio", "text"]] = Field(
        default=["audio"], min_length=1, max_length=1
    )
    instructions: str = ""
    audio: AudioConfig = AudioConfig()
    tools: list[JsonObject] = []
    tool_choice: str | JsonObject = "auto"
    max_output_tokens: Annotated[int, Field(ge=1, le=4096)] | Literal["inf"] = "inf"
    truncation: str | JsonObject = "auto"
    tracing: str | JsonObject | None = None
    prompt: JsonObject | None = None
    include: list[str] | None = None

    @property
    def modality(self) -> Literal["audio", "text"]:
        return self.output_modalities[0]

    def merge(self, patch: JsonObject, *, event_id: str | None = None) -> SessionConfig:
        """Only the keys in `patch` change; null clears. BadEvent names the field that is wrong."""
        merged = _merge(self.model_dump(), patch)
        # The model of a live session stays: clients repeat the name that they were written for.
        merged["model"] = self.model
        try:
            return SessionConfig.model_validate(merged)
        except ValidationError as error:
            raise _bad(error, event_id) from None

    def effective(self, session_id: str, expires_at: int) -> JsonObject:
        """The session as `session.created` and `session.updated` show it."""
        shown = self.model_dump(mode="json")
        shown |= {"object": "realtime.session", "id": session_id, "expires_at": expires_at}
        # Strict clients know no null here.
        for optional in ("include", "prompt"):
            if shown[optional] is None:
                del shown[optional]
        return shown


def first_config(patch: JsonObject) -> SessionConfig:
    """The settings of a new session, from what a client or a secret brought. BadEvent."""
    try:
        return SessionConfig.model_validate(_merge(SessionConfig().model_dump(), patch))
    except ValidationError as error:
        raise _bad(error, None) from None


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


def _bad(error: ValidationError, event_id: str | None) -> BadEvent:
    first = error.errors(include_url=False, include_context=False)[0]
    param = "session." + ".".join(str(part) for part in first["loc"])
    return BadEvent(
        f"Invalid value for {param}: {first['msg']}.",
        code="invalid_value",
        param=param,
        event_id=event_id,
    )
