"""The check of all frames can fail."""

from __future__ import annotations

from wire.frames import fault


def test_a_wrong_frame_is_found() -> None:
    good = {"type": "input_audio_buffer.cleared", "event_id": "event_1"}
    assert fault(good) is None
    assert fault({"type": "input_audio_buffer.cleared"})
    assert fault(good | {"event_id": 5})
    assert fault(good | {"type": "input_audio_buffer.cleaned"})
    item = {"id": "i", "type": "function_call", "name": "x", "call_id": None, "arguments": "{}"}
    added = {"type": "conversation.item.added", "event_id": "e", "previous_item_id": None}
    assert fault(added | {"item": item})
    assert fault(added | {"item": item | {"call_id": "c"}}) is None
