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

from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter, ValidationError

from talkover.protocol import encoding
from talkover.protocol import facts as f
from talkover.protocol.realtime import Codec

WRONG = "a frame is wrong:"


def _by_type() -> dict[str, TypeAdapter[Any]]:
    union = typing.get_args(RealtimeServerEvent)[0]
    found: dict[str, TypeAdapter[Any]] = {}
    for model in typing.get_args(union):
        (tag,) = typing.get_args(model.model_fields["type"].annotation)
        found[tag] = TypeAdapter(model)
    return found


MODELS = _by_type()
"""Type of event → its model."""

NEVER_NULL = ("status", "call_id", "name", "arguments", "output", "code", "param")
"""Fields of items and of a transcription's error that agents-js takes absent, but not null."""


def fault(event: dict[str, Any]) -> str | None:
    """What is wrong with a server event, in words."""
    kind = event["type"]
    if kind.startswith("talkover."):
        return None
    if kind not in MODELS:
        return f"{kind} is no event of the protocol"
    try:
        MODELS[kind].validate_json(json.dumps(event), strict=True)
    except ValidationError as error:
        return f"{kind}: {error.errors(include_url=False)[:3]}"
    if kind.endswith("transcription.failed"):
        strict = event["error"]
    else:
        strict = event.get("item", {})
    null = [name for name in NEVER_NULL if name in strict and strict[name] is None]
    return f"{kind}: null in {null}" if null else None


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

    Codec.encode = encode


def main() -> None:
    from talkover.cli.main import main

    install(lambda wrong: print(WRONG, wrong, file=sys.stderr, flush=True))
    main()
