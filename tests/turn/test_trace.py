"""Recorded conversations run again: as they were, under other settings, and as tests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from turn.recorded import Call, Recorded
from turn.test_machine import AnyConversation

from talkover.turn import inputs as i
from talkover.turn.as_test import as_test
from talkover.turn.machine import TurnMachine
from talkover.turn.policy import TurnPolicy
from talkover.turn.trace import Step, decisions, decode, encode, moments, replay
from talkover.turn.what_if import Change, what_if


def story() -> Call:
    """The user asks, murmurs, and cuts in; neutral words, so the end waits `silence_ms`."""
    call = Call()
    call.at(1010, i.SpeechStarted(1.0)).at(1700, i.Heard("tell me a story", False))
    call.at(2060, i.SpeechStopped(2.0), i.Heard("tell me a story", True))
    call.at(2500, i.Audible(1))
    call.at(4010, i.SpeechStarted(4.0)).at(4016, i.Ducked(1)).at(4210, i.Held(1))
    call.at(4350, i.SpeechStopped(4.3), i.Resumed(1)).at(4400, i.Heard("mm-hm", True))
    call.at(6010, i.SpeechStarted(6.0)).at(6210, i.Held(1))
    call.at(6420, i.Heard("what time", False))
    return call.at(7000, i.SpeechStopped(6.95), i.Heard("what time is it", True)).at(8000)


def test_a_replay_decides_to_the_last_digit_what_was_decided() -> None:
    call = story()
    assert replay(call.steps) == call.steps
    made = [(one.what, round(one.at, 3)) for step in call.steps for one in decisions(step)]
    assert made == [
        ("commit", 2.352), ("resume", 4.4), ("interrupt", 6.42), ("commit", 7.302),
    ]  # fmt: skip


def test_a_step_survives_json() -> None:
    for step in story().at(9000, TurnPolicy(silence_ms=7, interruptions="no")).steps:
        assert decode(json.loads(json.dumps(encode(step)))) == step


@pytest.mark.parametrize(
    "line",
    [
        {}, {"now": 1, "given": {"Nothing": {}}, "made": []},
        {"now": 1, "given": {"Heard": {"txet": ""}}, "made": []},
        {"now": "x", "given": {"Timeout": {}}, "made": []},
        {"now": 1, "given": {"Timeout": {}, "Say": {}}, "made": []},
        {"now": 1, "given": [], "made": None},
    ],
)  # fmt: skip
def test_a_step_of_another_version_is_refused(line: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        decode(line)


def test_a_machine_that_decides_otherwise_is_found_out() -> None:
    steps = story().steps
    steps[0] = Step(0.0, TurnPolicy(silence_ms=500))
    assert replay(steps) != steps


def test_a_moment_is_what_the_user_said_and_what_came_of_it() -> None:
    found = moments(story().steps)
    assert [(one.number, one.at) for one in found] == [(1, 1.0), (2, 4.0), (3, 6.0)]
    assert [[d.what for d in one.decisions] for one in found] == [
        ["commit"], ["resume"], ["interrupt", "commit"],
    ]  # fmt: skip


def outcome(change: Change) -> tuple[Any, ...]:
    was, would = (one and (one.what, round(one.at, 3)) for one in (change.was, change.would))
    return change.moment, was, would


def test_a_longer_silence_moves_the_ends_of_turns_and_nothing_else() -> None:
    assert list(map(outcome, what_if(story().steps, {"silence_ms": 500}))) == [
        (1, ("commit", 2.352), ("commit", 2.5)),
        (3, ("commit", 7.302), ("commit", 7.45)),
    ]


def test_a_setting_that_decides_nothing_changes_nothing() -> None:
    assert what_if(story().steps, {}) == []
    assert what_if(story().steps, {"silence_dictating_ms": 100, "speculate": False}) == []
    assert what_if(story().steps, {"silence_ms": 350}) == []


def test_one_word_that_interrupts_would_have_interrupted_sooner() -> None:
    call = story()
    early = call.at(9000, i.Audible(2)).at(11000, i.SpeechStarted(11.0))
    early.at(11300, i.Heard("berlin", False)).at(11500, i.Heard("berlin please", False))
    (change,) = what_if(call.steps, {"interrupt_words": 1})
    assert outcome(change) == (4, ("interrupt", 11.5), ("interrupt", 11.3))
    assert change.would is not None and "1 content words" in change.would.why


def test_without_interruptions_the_recorded_one_would_not_have_been() -> None:
    changes = what_if(story().steps, {"interruptions": "no"})
    assert [outcome(one) for one in changes] == [
        (2, ("resume", 4.4), None), (3, ("interrupt", 6.42), None),
    ]  # fmt: skip


def test_a_shorter_silence_would_have_cut_the_user_off() -> None:
    call = Call()
    call.at(1000, i.SpeechStarted(1.0)).at(1500, i.SpeechStopped(1.5))
    call.at(1510, i.Heard("i went home", True)).at(1800, i.SpeechStarted(1.8))
    call.at(2500, i.SpeechStopped(2.5), i.Heard("i went home and slept.", True)).at(4000)
    (change,) = what_if(call.steps, {"silence_ms": 200})
    assert outcome(change) == (1, ("commit", 2.598), ("commit", 1.7))
    assert change.spoke_on == 1.8


def test_a_longer_silence_would_have_let_the_user_go_on() -> None:
    call = Call()
    call.at(1000, i.SpeechStarted(1.0)).at(1500, i.SpeechStopped(1.5))
    call.at(1510, i.Heard("i went home", True)).at(2000, i.SpeechStarted(2.0)).at(4000)
    (change,) = what_if(call.steps, {"silence_ms": 900})[:1]
    assert outcome(change) == (1, ("commit", 1.852), None) and change.spoke_on == 2.0


def test_a_late_timer_is_no_difference() -> None:
    call = Call(late_ms=60)
    call.at(1000, i.SpeechStarted(1.0)).at(1500, i.SpeechStopped(1.5))
    # The turn was over at 1.85 s, but the loop was busy and these words came first.
    call.at(1510, i.Heard("i went home", True)).at(1880, i.Heard("i went home and", True))
    call.at(5000)
    assert what_if(call.steps, {"silence_no_words_ms": 601}) == []


def run(source: str) -> None:
    names: dict[str, Any] = {}
    exec(compile(source, "<test>", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 1
    tests[0]()


def test_a_moment_becomes_a_test_that_passes_and_can_fail() -> None:
    source = as_test(story().steps, 3, "a call")
    assert "def test_interrupt_at_6_420()" in source and "content words" in source
    run(source)
    for was, wrong in (("what time", "mm-hm"), ("'turn_detected'", "'client_cancelled'")):
        assert was in source
        with pytest.raises(AssertionError):
            run(source.replace(was, wrong, 1))


def test_the_test_of_a_moment_begins_where_nothing_was_under_way() -> None:
    call = story().at(7500, i.CancelReply())
    call.at(9000, i.SpeechStarted(9.0)).at(9500, i.SpeechStopped(9.5))
    call.at(9501, i.Heard("thanks", True)).at(11000)
    source = as_test(call.steps, 4, "a call")
    run(source)
    assert "story" not in source and "turn=1" in source and "epoch=1" in source
    assert "(9.852, Timeout()," in source, "times in whole milliseconds"


def test_there_is_no_test_of_a_moment_that_was_not() -> None:
    with pytest.raises(ValueError, match="has 3"):
        as_test(story().steps, 4, "")


class AnyRecording(AnyConversation):
    """Any conversation at all, its timers late: replayed, unchanged by no change, and as tests."""

    def __init__(self) -> None:
        super().__init__()
        self.machine: TurnMachine = Recorded(self.machine.policy)

    @rule(ms=st.integers(0, 3000), late=st.floats(0, 0.2))
    def wait_on_a_busy_loop(self, ms: int, late: float) -> None:
        until = self.now + ms / 1000
        while (due := self.machine.deadline()) is not None and due + late <= until:
            self.now = max(self.now, due + late)
            self.machine.handle_timeout(self.now)
            self.twin.handle_timeout(self.now)
            self.check()
        self.now = max(self.now, until)

    @rule(silence=st.sampled_from([100, 350, 900]))
    def settings_change(self, silence: int) -> None:
        policy = TurnPolicy(silence_ms=silence, backchannel_ms=1000)
        assert isinstance(self.machine, Recorded)
        self.machine.policy = self.twin.policy = policy
        self.machine.steps.append(Step(self.now, policy))

    def teardown(self) -> None:
        assert isinstance(self.machine, Recorded)
        steps = self.machine.steps
        assert replay(steps) == steps
        assert what_if(steps, {}) == []
        for change in what_if(steps, {"silence_ms": 200, "interrupt_words": 1}):
            assert change.was != change.would
        for moment in moments(steps):
            run(as_test(steps, moment.number, "any"))


AnyRecording.TestCase.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None, derandomize=True
)
TestAnyRecording = AnyRecording.TestCase
