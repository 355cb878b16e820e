"""Every frame that a server of ours sends in a test is one that the OpenAI package's types take.

`install` makes the codec check what it encodes; `main` is the `talkover` command with that, for
servers in processes of their own, which print what is wrong after `WRONG`.
"""

from __future__ import annotations

import json
import sys
import typing
from collections.abc import Callable
from typing import Any

from openai.types.live import ServerEvent
from openai.types.realtime import RealtimeServerEvent
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError

from talkover.protocol import encoding
from talkover.protocol import facts as f
from talkover.protocol.live.codec import LiveCodec
from talkover.protocol.realtime import Codec

WRONG = "a frame is wrong:"


def _by_type(events: Any) -> dict[str, TypeAdapter[Any]]:
    """The members of a union, by the type of event that they are."""
    union = typing.get_args(events)[0]
    found: dict[str, TypeAdapter[Any]] = {}
    for model in typing.get_args(union):
        (tag,) = typing.get_args(model.model_fields["type"].annotation)
        found[tag] = TypeAdapter(model)
    return found


MODELS = _by_type(RealtimeServerEvent)
"""Type of event → its model."""
LIVE_MODELS = _by_type(ServerEvent)
RESPONSE_MODELS = _by_type(ResponseStreamEvent)
"""Of what Live tells within its `response.event`."""

NEVER_NULL = ("status", "call_id", "name", "arguments", "output", "code", "param")
"""Fields of items and of a transcription's error that agents-js takes absent, but not null."""


def fault(event: dict[str, Any]) -> str | None:
    """What is wrong with a server event, in words."""
    kind = event["type"]
    if kind.startswith("talkover."):
        return None
    if kind not in MODELS:
        return f"{kind} is no event of the protocol"
    # Only a client that asked for our own format is told of it.
    shown = json.dumps(event).replace('"audio/opus"', '"audio/pcmu"')
    try:
        MODELS[kind].validate_json(shown, strict=True)
    except ValidationError as error:
        return f"{kind}: {error.errors(include_url=False)[:3]}"
    if kind.endswith("transcription.failed"):
        strict = event["error"]
    else:
        strict = event.get("item", {})
    null = [name for name in NEVER_NULL if name in strict and strict[name] is None]
    return f"{kind}: null in {null}" if null else None


def live_fault(
    event: dict[str, Any], models: dict[str, TypeAdapter[Any]] = LIVE_MODELS
) -> str | None:
    """What is wrong with a server event of the Live protocol, in words."""
    kind = event["type"]
    if kind.startswith("talkover."):
        return None
    if kind not in models:
        return f"{kind} is no event of the Live protocol"
    try:
        models[kind].validate_json(json.dumps(event), strict=True)
    except ValidationError as error:
        return f"{kind}: {error.errors(include_url=False)[:3]}"
    return live_fault(event["event"], RESPONSE_MODELS) if kind == "response.event" else None


def install(report: Callable[[str], None]) -> None:
    """Check whatever any codec encodes from now on."""

    def encode(self: Codec, fact: f.Fact, at_ms: int = 0) -> list[dict[str, Any]]:
        events = encoding.encode(
            fact, at_ms, extensions=self.extensions, audio_events=self.audio_events
        )
        for event in events:
            if wrong := fault(event):
                report(wrong)
        return events

    unchecked = LiveCodec.encode

    def encode_live(self: LiveCodec, fact: f.Fact, at_ms: int = 0) -> list[dict[str, Any]]:
        events = unchecked(self, fact, at_ms)
        for event in events:
            if wrong := live_fault(event):
                report(wrong)
        return events

    Codec.encode, LiveCodec.encode = encode, encode_live


def main() -> None:
    from talkover.cli.main import main

    install(lambda wrong: print(WRONG, wrong, file=sys.stderr, flush=True))
    main()
