"""The latency account: whose time it was, and that it adds up."""

from __future__ import annotations

import array

import pytest

from talkover.session.account import STAGES, ClientPart, Stamps, TurnEnd, faded, leading

SPOKEN = TurnEnd(ended=10.0, committed=10.5, stt=0.1, late=0.02, spoken=True, way=0.03)


def pcm(*samples: int) -> bytes:
    return array.array("h", samples).tobytes()


def answered(turn: TurnEnd, **given: float) -> Stamps:
    stamps = Stamps(turn)
    stamps.write(given.get("token", 10.6))
    stamps.line(given.get("worded", 10.7))
    stamps.sound(pcm(*[0] * 160, *[9000] * 80), 16000, given.get("voiced", 10.9))
    stamps.audible = given.get("audible", 10.92)
    return stamps


def test_a_spoken_turn_is_accounted_for_from_the_microphone_to_the_ear():
    stamps = answered(SPOKEN)
    stamps.client = ClientPart(12, 45)
    assert stamps.timings() == {
        "capture": 12, "uplink": 30, "jitter": 20, "wait": 380, "stt": 100, "llm": 100,
        "sentence": 100, "tts": 200, "play": 30, "downlink": 30, "buffer": 45, "total": 1047,
    }  # fmt: skip
    assert list(stamps.timings()) == [*STAGES, "total"]


def test_what_nobody_measured_is_left_out():
    timings = answered(TurnEnd(10.0, 10.5, spoken=True)).timings()
    assert not {"capture", "uplink", "downlink", "buffer"} & set(timings)
    assert timings["total"] == 930


def test_what_was_asked_in_writing_came_through_no_microphone():
    stamps = answered(TurnEnd(10.5, 10.5, way=0.03))
    stamps.client = ClientPart(12, 45)
    timings = stamps.timings()
    assert timings["wait"] == 0 and timings["buffer"] == 45
    assert not {"capture", "jitter"} & set(timings)


def test_what_was_prepared_while_the_user_might_go_on_cost_no_time():
    timings = answered(SPOKEN, token=10.1, worded=10.2, voiced=10.3, audible=10.51).timings()
    assert timings["llm"] == timings["sentence"] == timings["tts"] == 0
    assert timings["play"] == 20


@pytest.mark.parametrize("late, stt", [(3.0, 0.1), (0.1, 3.0), (3.0, 3.0)])
def test_no_stage_takes_more_than_there_was(late: float, stt: float):
    timings = answered(TurnEnd(10.0, 10.5, stt=stt, late=late, spoken=True)).timings()
    assert min(timings.values()) >= 0 and timings["total"] == 930


def test_there_is_no_account_before_the_answer_is_audible():
    stamps = Stamps(SPOKEN)
    assert stamps.timings() == {}
    stamps.sound(pcm(9000), 16000, 10.9)
    assert stamps.timings() == {}


def test_the_silence_that_a_voice_begins_with_is_part_of_the_silence_heard():
    step, soft = [0] * 80, [150, -150] * 40
    assert leading(pcm(*step, *soft, *[9000] * 80, *step), 16000) == 160
    assert leading(pcm(*step, *soft, *[9000] * 80, *step), 8000) == 160
    assert leading(pcm(*step, 0), 16000) == 81 and leading(b"", 16000) == 0
    stamps = Stamps(TurnEnd(0.0, 0.0))
    for sound in (pcm(*[0] * 800), pcm(*[0] * 80, *[-9000] * 80), pcm(*[0] * 800)):
        stamps.sound(sound, 16000, 1.0)
    stamps.audible = 1.0
    assert stamps.timings()["play"] == 55


def test_a_voice_is_silent_once_it_is_30_db_softer_than_it_was():
    loud, soft, gone = [20000, -20000] * 800, [700, -700] * 400, [600, -600] * 400
    assert faded(pcm(*loud, *soft, *gone)) == 800
    assert faded(pcm(*loud)) == faded(pcm(*loud, *gone[:80])) == 0


def test_a_turn_without_a_sound_has_no_fade():
    assert faded(b"") == faded(pcm(*[0] * 1600)) == 0
