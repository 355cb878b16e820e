"""Whatever a client sends: an error with its code and event_id, and the session lives on."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire.line import Line, typed

from talkover.media.port import MediaPort
from talkover.protocol.decoding import DECODERS, decode
from talkover.protocol.errors import BadEvent

SESSION: dict[str, Any] = {
    "type": "realtime", "output_modalities": ["text"], "instructions": "Be kind.",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1", "language": "en", "keywords": ["a"]},
            "noise_reduction": {"type": "near_field"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5, "idle_timeout_ms": 6000},
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "ash", "speed": 1.0},
    },
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
    "tool_choice": {"type": "function", "name": "f"}, "max_output_tokens": 100,
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.5}, "tracing": "auto",
    "prompt": {"id": "p", "variables": {"a": "b"}},
    "include": ["item.input_audio_transcription.logprobs"],
    "reasoning": {"effort": "low"}, "parallel_tool_calls": True,
}  # fmt: skip
ITEM: dict[str, Any] = {
    "id": "known", "type": "message", "role": "user", "status": "completed",
    "content": [
        {"type": "input_text", "text": "hi"},
        {"type": "input_audio", "audio": "AAAA", "transcript": "hi"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"},
    ],
}  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    {"type": "session.update", "session": SESSION},
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "output_audio_buffer.clear"},
    {"type": "conversation.item.create", "previous_item_id": "root", "item": ITEM},
    {"type": "conversation.item.create", "item": {
        "type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"}},
    {"type": "conversation.item.create", "item": {
        "type": "function_call_output", "call_id": "c", "output": "1"}},
    {"type": "conversation.item.create", "item": {
        "type": "mcp_call", "server_label": "s", "name": "f", "arguments": "{}"}},
    {"type": "conversation.item.retrieve", "item_id": "known"},
    {"type": "conversation.item.truncate", "item_id": "known", "content_index": 0,
     "audio_end_ms": 100},
    {"type": "conversation.item.delete", "item_id": "known"},
    {"type": "response.create", "response": {
        "conversation": "none", "output_modalities": ["text"], "instructions": "x",
        "metadata": {"a": "b"}, "tools": SESSION["tools"], "tool_choice": "auto",
        "max_output_tokens": "inf", "input": [ITEM, {"type": "item_reference", "id": "known"}],
        "audio": {"output": {"voice": {"id": "v"}, "format": {"type": "audio/pcma"}}},
    }},
    {"type": "response.cancel", "response_id": "resp_1"},
    {"type": "talkover.message", "name": "x", "data": {"a": 1}},
    {"type": "talkover.timings", "response_id": "resp_1", "capture_ms": 10, "heard_at_ms": 40},
    {"type": "talkover.moving"},
    {"type": "talkover.resume"},
]  # fmt: skip
GONE = object()
WRONG: list[Any] = [
    GONE, None, True, -1, 1 << 70, 0.5, "x", "\x00\ud7ff", [], [None], {}, {"a": {"b": []}},
]  # fmt: skip


def spoiled(event: Any, wrong: Any) -> Iterator[Any]:
    """The event with each of its fields in turn replaced."""
    for path in paths(event):
        made = copy.deepcopy(event)
        inner = made
        for step in path[:-1]:
            inner = inner[step]
        if wrong is GONE:
            del inner[path[-1]]
        else:
            inner[path[-1]] = wrong
        yield made


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps: Any = ()
    if isinstance(value, dict):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    for step, inner in steps:
        if (*path, step) != ("type",):
            yield (*path, step)
        yield from paths(inner, (*path, step))


def test_every_client_event_is_tried_here() -> None:
    assert {event["type"] for event in EVENTS} == DECODERS.keys()


async def alive(line: Line) -> None:
    """It still answers, and nothing went wrong that it did not foresee."""
    line.send("conversation.item.create", event_id="alive", item={**typed("still"), "id": "end"})
    await line.wait("conversation.item.done", lambda e: e["item"]["id"] == "end")
    line.send("conversation.item.delete", item_id="end")
    await line.wait("conversation.item.deleted", lambda e: e["item_id"] == "end")
    codes = [e["error"]["code"] for e in line.events if e["type"] == "error"]
    assert not {"internal_error", "agent_error"} & set(codes), line.events[-5:]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
async def test_a_wrong_type_in_any_field_is_an_error_with_the_clients_id(
    media: MediaPort, event: dict[str, Any]
) -> None:
    line = Line(media, {"output_modalities": ["text"]})
    for wrong in WRONG:
        for n, made in enumerate(spoiled(event, wrong)):
            before = len(line.events)
            line.send(**{"kind": made.pop("type"), **made, "event_id": f"ev_{n}"})
            errors = [e["error"] for e in line.events[before:] if e["type"] == "error"]
            assert all(error["event_id"] == f"ev_{n}" for error in errors), (made, errors)
            assert all(error["code"] and error["message"] for error in errors), errors
    await alive(line)
    await line.session.end("tried")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted({str(path[-1]) for event in EVENTS for path in paths(event)})
objects = st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6)
frames = st.builds(
    lambda kind, fields: {**fields, "type": kind}, st.sampled_from(sorted(DECODERS)), objects
)


@given(st.one_of(st.text(), st.binary(), frames.map(json.dumps), json_values.map(json.dumps)))
@settings(max_examples=400, deadline=None)
def test_any_frame_is_a_command_or_refused_with_a_code(frame: str | bytes) -> None:
    try:
        decode(frame)
    except BadEvent as error:
        assert error.code and error.message


@given(st.lists(frames | st.sampled_from(EVENTS), max_size=25))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_sequence_of_frames_ends_a_session(sent: list[dict[str, Any]]) -> None:
    async def talk() -> None:
        media = MediaPort("127.0.0.1", 0)
        line = Line(media, {"output_modalities": ["text"]})
        for n, event in enumerate(sent):
            fields = {k: v for k, v in event.items() if k not in ("type", "event_id")}
            line.send(event["type"], event_id=f"ev_{n}", **fields)
            if n % 3 == 0:
                await asyncio.sleep(0)
        await alive(line)
        await line.session.end("tried")
        media.close()

    asyncio.run(talk())
