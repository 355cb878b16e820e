"""What people read of a call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from talkover.bundle.draft import Batch, Draft
from talkover.bundle.transcript import Transcript


def read(*events: tuple[int, str, dict[str, Any]]) -> list[str]:
    transcript = Transcript()
    return [
        line
        for ms, kind, fields in events
        for line in transcript.take(ms, {"type": kind, "item_id": "i", "response_id": "r"} | fields)
    ]


DONE = "conversation.item.input_audio_transcription.completed"


def test_the_user_is_dated_to_the_first_sound_and_quoted_as_understood() -> None:
    assert read(
        (4409, "input_audio_buffer.speech_started", {"audio_start_ms": 4349}),
        (5393, DONE, {"transcript": "tell me\na story"}),
    ) == ["  0:04.3  user    tell me a story"]


def test_the_agent_is_quoted_as_far_as_it_was_heard() -> None:
    assert read(
        (65_425, "output_audio_buffer.started", {}),
        (68_763, "conversation.item.truncated", {}),
        (68_765, "talkover.heard", {"text": "Once there was a keeper."}),
    ) == ["  1:05.4  agent   Once there was a keeper. … (cut off)"]
    assert read(
        (100, "output_audio_buffer.started", {}),
        (900, "talkover.heard", {"text": ""}),
    ) == []  # fmt: skip


def test_words_that_have_no_bytes_cost_no_recording(tmp_path: Path) -> None:
    draft = Draft(tmp_path, "call", {"session": "sess_1", "began": "now"})
    draft.write(Batch(words=["half of \ud800"]))
    draft.close()
    assert (tmp_path / "call.txt").read_text().endswith("half of ?\n")


def test_what_was_written_hummed_and_done_at_the_end_is_told() -> None:
    typed = {"role": "user", "content": [{"type": "input_text", "text": "what day is it"}]}
    hidden = {"role": "system", "content": [{"type": "input_text", "text": "be kind"}]}
    assert read(
        (1000, "conversation.item.added", {"item": hidden}),
        (2000, "conversation.item.added", {"item": typed}),
        (3000, "response.output_text.done", {"text": "Monday."}),
        (4000, "talkover.backchannel", {"text": "mm-hm"}),
        (5000, "talkover.ended", {"reason": "hung up"}),
    ) == [
        "  0:02.0  user    what day is it (typed)",
        "  0:03.0  agent   Monday. (written)",
        "  0:04.0  user    (mm-hm)",
        "  0:05.0          (hung up)",
    ]
