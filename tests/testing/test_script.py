"""Scripts in TOML, cues, and what becomes of them when the agent does not play along."""

from __future__ import annotations

import array
import math
import wave
from pathlib import Path

import pytest

from talkover import Agent, Audio
from talkover.errors import AgentError, InputError, TalkoverError
from talkover.testing import MissedCue, Talk

STORY = "Once upon a time there was a fox who lived in a wood and was very clever indeed."
ANSWERS = {"story": STORY, "time": "It is ten o'clock.", "": "I see."}

SCRIPT = """
[[step]]
expect = "welcome"

[[step]]
name = "a story, talked over"
text = "tell me a story"
expect_status = "cancelled"

[[step]]
play = "what-time-is-it.wav"
after = 1.0
expect = "o'clock"
within = 2
"""


def hum(seconds: float) -> bytes:
    """Close enough to a voice for the detector: a buzz with overtones, in syllables."""
    samples = array.array("h")
    for n in range(round(seconds * 16000)):
        t = n / 16000
        tone = sum(math.sin(2 * math.pi * 120 * k * t) / k for k in range(1, 20))
        samples.append(int(5000 * tone * (0.55 + 0.45 * math.sin(2 * math.pi * 4 * t))))
    return samples.tobytes()


def script(folder: Path, text: str) -> Path:
    with wave.open(str(folder / "what-time-is-it.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(hum(1.2))
    file = folder / "talk.toml"
    file.write_text(text)
    return file


def test_the_script_of_a_live_call_runs_in_virtual_time(tmp_path: Path):
    agent = Agent("x", greeting="Hello and welcome!")
    result = Talk.from_toml(agent, script(tmp_path, SCRIPT), llm=ANSWERS).run()
    assert not result.failures, result
    assert result.turns[0].interrupted and result.turns[1].asked == "what time is it", result


def test_what_did_not_come_as_expected_is_told_by_step(tmp_path: Path):
    text = SCRIPT.replace("welcome", "farewell").replace("within = 2", "within = 0.01")
    agent = Agent("x", greeting="Hello and welcome!")
    result = Talk.from_toml(agent, script(tmp_path, text), llm=ANSWERS).run()
    first, last = result.failures
    assert first == "step 1: expected /farewell/, heard: Hello and welcome!"
    assert last.startswith("step 3: the answer came after"), result


def test_a_script_that_cannot_be_read_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="step 1"):
        Talk.from_toml(Agent("x"), script(tmp_path, "[[step]]\nsay = 1\n"), llm=ANSWERS)


def test_a_recorded_voice_goes_through_the_real_detector():
    talk = Talk(Agent("x"), llm=ANSWERS)
    talk.play(Audio(hum(1.5), 16000), "what time is it", at=0.5)
    result = talk.run()
    assert [turn.heard for turn in result.turns] == ["It is ten o'clock."], result


def test_a_cue_within_an_answer_that_is_too_short_is_missed():
    talk = Talk(Agent("x"), llm=ANSWERS)
    talk.user("what time is it", at=0.0)
    talk.user("stop", after_audible=30.0)
    with pytest.raises(MissedCue, match="after_audible=30") as missed:
        talk.run()
    assert "It is ten o'clock." in missed.value.__notes__[0], "the drawing is with it"


@pytest.mark.parametrize("cues", [{"at": 1.0, "after_line": 1.0}, {"at": -1.0}])
def test_a_cue_that_makes_no_sense_is_refused(cues: dict[str, float]):
    with pytest.raises(TalkoverError, match="cue"):
        Talk(Agent("x"), llm=ANSWERS).user("hello", **cues)


def test_a_model_must_be_given_where_the_agent_needs_one():
    with pytest.raises(AgentError, match="give the talk one"):
        Talk(Agent("x"))


def test_a_second_line_over_the_same_answer_waits_for_its_moment():
    talk = Talk(Agent("x"), llm=ANSWERS)
    talk.user("tell me a story", at=0.0)
    first = talk.user("mm-hm", after_audible=1.0)
    second = talk.user("right", after_audible=3.0)
    result = talk.run()
    assert len(result.turns) == 1 and result.turns[0].heard == STORY, result
    assert result.began(second) - result.began(first) == pytest.approx(2.0, abs=0.05)


def test_the_drawing_shows_voices_words_and_the_cut():
    talk = Talk(Agent("x"), llm=ANSWERS)
    talk.user("tell me a story", at=0.0)
    talk.user("please stop it", after_audible=2.0)
    lines = str(talk.run()).splitlines()
    assert lines[2].startswith("user   ██████████ "), lines
    assert "▒" in lines[3], lines
    assert any(" ┃ " in line for line in lines), lines


def test_events_are_those_of_a_realtime_client():
    talk = Talk(Agent("x"), llm=ANSWERS)
    talk.user("what time is it", at=0.0)
    types = [event["type"] for event in talk.run().events]
    for expected in ("session.created", "input_audio_buffer.committed", "response.done"):
        assert expected in types
