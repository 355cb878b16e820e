"""A real conversation by each transport on loopback: servers, sockets and clients are real."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkover.transports.child import Child
from talkover.transports.clip import spoken
from talkover.transports.conversation import TRANSPORTS, Conversation, Script
from talkover.transports.engines import EAR_RATE, QUESTION, loud_seconds
from talkover.transports.networks import NETWORKS

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
WHOLE_MS = 4800


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_a_question_is_answered_and_an_answer_interrupted(name: str, tmp_path: Path) -> None:
    clip = await spoken(QUESTION)
    transport, loud_s = TRANSPORTS[name], loud_seconds(clip.at(EAR_RATE))
    script = Script(clip, clip, questions=1, interruptions=1, longs=0)
    async with Child(transport.server, tmp_path, "zero", 1, (loud_s, 9.0)) as server:
        one = Conversation(transport, server, NETWORKS["loopback"], script, seed=1)
        found = await one.run()
    assert "failed" not in found
    asked, cut, after = found["turns"]
    for turn in (asked, cut, after):
        assert turn["failed"] is None and 0 < turn["answer_ms"] < 10_000
        assert turn["mouth_to_ear_ms"]
    # Nobody waits for a whole answer: the machine may be busy, so the bounds are wide.
    assert asked["missing"] < 0.5
    assert 100 < after["silent_ms"] < 1500
    assert 1000 < after["unheard_ms"] < WHOLE_MS
    assert abs(after["history_words"]) < 8
    assert found["bytes_per_turn"] > 20_000 and found["connections"] >= 1
