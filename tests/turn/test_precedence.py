"""Each rule of what interrupts what, run on the machine."""

from __future__ import annotations

from typing import Any

import pytest
from turn.test_machine import Floor, kinds, thinking

from talkover.turn import inputs as i
from talkover.turn.precedence import RULES, Outcome, Rule

SAID = "what about tomorrow"


def begun(floor: Floor, what: str, at: float) -> list[Any]:
    """What it is that comes, from `at` seconds on."""
    ms = round(at * 1000)
    if what.startswith("speech: an mm-hm"):
        floor.at(ms, i.SpeechStarted(at))
        return floor.at(ms + 300, i.SpeechStopped(at + 0.25), i.Heard("mm-hm", True))
    if what.startswith("speech"):
        floor.at(ms, i.SpeechStarted(at))
        return floor.at(ms + 300, i.Heard(SAID, False))
    given = {
        "response.cancel": i.CancelReply(),
        "response.create": i.Create(),
        "input_audio_buffer.commit": i.Commit(),
        "a timer": i.Say(),
        "the result of a tool": i.Due(soon=True),
        "the agent's own": i.Aside(),
        "@agent.live": i.Speak(),
    }
    return floor.at(ms, next(one for name, one in given.items() if what.startswith(name)))


def floor_for(what: str) -> Floor:
    for wanted in ("no", "overlap"):
        if f'interruptions="{wanted}"' in what:
            return Floor(interruptions=wanted)
    return Floor()


def outcome(floor: Floor, made: list[Any], before: str) -> Outcome:
    names = kinds(made)
    if "CancelReply" in names:
        return "interrupts"
    if before != "user":
        if "WithholdReply" in kinds(floor.done):
            return "withheld"
        if floor.machine.user == "speaking":
            return "beside"
        if floor.machine.agent in ("speaking", "thinking") and made and names != ["CommitTurn"]:
            return "goes on"
        return "nothing" if not made else "goes on"
    if "StartReply" in names:
        return "ends the turn" if floor.machine.user == "silent" else "beside"
    return "ends the turn" if "CommitTurn" in names else "nothing"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.what)
def test_over_the_agents_voice(rule: Rule) -> None:
    floor = floor_for(rule.what).agent_speaks()
    made = begun(floor, rule.what, 1.2)
    expected = rule.voice
    if expected == "waits":
        assert made == [] and kinds(floor.at(3000, i.Ended(1))) == ["StartReply"]
    elif expected == "ends its sentence":
        assert kinds(made) == ["EndSentence"]
        assert kinds(floor.at(2000, i.SentenceEnded(1))) == ["CancelReply", "StartReply"]
    elif expected == "goes on" and not made:
        assert floor.machine.agent == "speaking"
    else:
        assert outcome(floor, made, "voice") == expected


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.what)
def test_while_the_answer_is_thought_up(rule: Rule) -> None:
    floor = thinking()
    floor.machine.policy = floor_for(rule.what).machine.policy
    floor.done.clear()
    made = begun(floor, rule.what, 0.5)
    if rule.thinking == "waits":
        floor.at(1000, i.Audible(1))
        assert kinds(floor.at(3000, i.Ended(1))) == ["StartReply"]
    else:
        assert outcome(floor, made, "thinking") == rule.thinking


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.what)
def test_while_the_user_speaks(rule: Rule) -> None:
    floor = floor_for(rule.what)
    floor.at(0, i.SpeechStarted(0.0))
    floor.at(400, i.Heard("tell me", False))
    floor.done.clear()
    if rule.what.startswith("speech"):
        assert rule.user == "nothing", "who speaks has the floor"
        return
    made = begun(floor, rule.what, 0.5)
    if rule.user == "waits":
        assert made == []
        floor.at(900, i.SpeechStopped(0.8), i.Heard("", True))
        assert kinds(floor.at(4000))[-1] == "StartReply"
    else:
        assert outcome(floor, made, "user") == rule.user
