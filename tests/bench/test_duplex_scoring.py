"""The rulers of the duplex benchmark are true: on sound and events that are known."""

from __future__ import annotations

import base64
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench import curves, languages, minutes, noise, page, verdicts  # noqa: E402 - see the other file
from bench.case import LEAD_S, ROOM_S, Case, taped  # noqa: E402
from bench.engines import RATE, sine, tone  # noqa: E402
from bench.line import FRAME_S, Line  # noqa: E402
from bench.scoring import gaps, voiced  # noqa: E402
from bench.speech import Clip, Samples, Tape  # noqa: E402


def tones(*parts: tuple[int, int]) -> Samples:
    """(word, ms) in turn at 24 kHz; word -1 is silence."""
    sound = [
        np.tile(np.frombuffer(sine(tone(word)), np.int16), 40)[: ms * RATE // 1000]
        if word >= 0 else np.zeros(ms * RATE // 1000, np.int16)
        for word, ms in parts
    ]  # fmt: skip
    return np.concatenate(sound)


def at_16k(samples: Samples) -> Samples:
    whole = np.interp(np.arange(0, len(samples), 1.5), np.arange(len(samples)), samples)
    return whole[: len(whole) // 320 * 320].astype(np.int16)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    made = Line(records=True)
    made.tape_began = 100.0 + FRAME_S
    yield made
    made.close()


def hear(line: Line, *parts: tuple[int, int]) -> None:
    """What comes back from second 100 on."""
    for n, frame in enumerate(at_16k(tones(*parts)).reshape(-1, 320)):
        line.chunks.append((100 + n * 0.02, n * 320, frame.tobytes()))


def told(line: Line, at: float, kind: str, **fields: Any) -> None:
    line.events.append((100 + at, {"type": kind} | fields))


def done(line: Line, at: float, status: str) -> None:
    told(line, at, "response.done", response={"status": status})


def over(kind: str, begin: float, end: float) -> Case:
    return Case("verdict", kind, "x", "slt", Tape(0), ((begin, end),), over=True)


def clip(ms: int) -> Clip:
    return Clip("slt", tones((3, ms)))


# ---- noise -----------------------------------------------------------------------------------


def test_noise_is_as_far_below_the_clip_as_it_says_from_before_the_agent_is_asked_on():
    said = clip(600)
    case = taped("verdict", "real", "x", [said], 0, over=True, snr=10)
    assert case.room_s == ROOM_S and case.marks[0][0] == pytest.approx(ROOM_S + LEAD_S)
    room = case.tape.samples()[: round(ROOM_S * RATE)]
    below = 20 * np.log10(noise.rms(said.samples) / noise.rms(room))
    assert below == pytest.approx(10, abs=0.7)
    clean = taped("verdict", "real", "x", [said], 0, over=True)
    assert clean.room_s == 0 and noise.rms(clean.tape.samples()[:RATE]) < 20


def test_pink_noise_has_as_much_power_in_every_octave():
    spectrum = np.abs(np.fft.rfft(noise.pink(RATE * 8, 1))) ** 2
    octaves = [spectrum[8 * low : 16 * low].sum() for low in (100, 400, 1600, 6400)]
    assert max(octaves) / min(octaves) < 1.3


@pytest.mark.parametrize("make", [*noise.BURSTS.values()])
def test_a_burst_is_the_same_for_the_same_seed_and_another_for_another(make: Any):
    one, same, other = make(1), make(1), make(2)
    assert np.array_equal(one.samples, same.samples)
    assert not np.array_equal(one.samples, other.samples)
    assert 0.05 < one.seconds < 2.0


def test_babble_and_music_come_from_a_seed_and_do_not_stop():
    voices = [[tones((word, 400)), tones((word + 1, 300))] for word in range(6)]
    for make in (lambda s: noise.babble(RATE * 4, s, voices), lambda s: noise.music(RATE * 4, s)):
        assert np.array_equal(make(1), make(1)) and not np.array_equal(make(1), make(2))
        levels = [noise.rms(part) for part in make(1).reshape(8, -1)]
        assert min(levels) > max(levels) / 20


# ---- verdicts --------------------------------------------------------------------------------


async def test_a_barge_in_is_caught_by_a_cancelled_answer_and_timed_from_its_onset(
    line: Line,
):
    hear(line, (0, 300), (1, 300), (2, 300), (3, 100), (-1, 1000))
    told(line, 1.2, "talkover.decision", why="a command")
    done(line, 1.25, "cancelled")
    found = verdicts.judged(line, over("real, clean, oracle", 0.7, 1.4))
    assert found["wanted"] and found["cancelled"] and not found["before"]
    assert found["cancel_ms"] == pytest.approx(550, abs=1)
    assert found["silent_ms"] == pytest.approx(300, abs=12) and found["gap_ms"] is None
    assert found["why"] == ["a command"]


async def test_a_cough_that_is_talked_through_shows_its_gap(line: Line):
    hear(line, (0, 300), (1, 300), (2, 200), (-1, 120), (2, 100), (3, 300), (4, 300), (5, 300))
    done(line, 3.0, "completed")
    found = verdicts.judged(line, over("cough, clean, oracle", 0.7, 0.9))
    assert not found["wanted"] and not found["cancelled"]
    assert found["gap_ms"] == pytest.approx(120, abs=10) and found["silent_ms"] is None


def test_both_errors_are_counted_apart_and_a_stop_before_anybody_spoke_is_one():
    def run(kind: str, wanted: bool, cancelled: bool, before: bool = False) -> dict[str, Any]:
        return {"kind": kind, "wanted": wanted, "cancelled": cancelled, "before": before}

    found = verdicts.rates([
        run("real, clean, oracle", True, True), run("real, clean, oracle", True, False),
        run("real, clean, oracle", True, True, before=True),
        run("cough, clean, oracle", False, False), run("tone, clean, oracle", False, True),
        run("stop, clean, oracle", True, True),
    ])  # fmt: skip
    assert found["clean, oracle"] == {
        "barge_ins": 3, "missed": 2, "missed_percent": 66.7,
        "sounds": 2, "false": 1, "false_percent": 50.0, "wrong_percent": 60.0,
    }  # fmt: skip
    stop = found["stop, clean, oracle"]
    assert (stop["barge_ins"], stop["missed"], stop["false_percent"]) == (1, 0, None)


async def test_a_minute_is_spoiled_by_what_stopped_the_agent_before_the_barge_in(line: Line):
    hear(line, *((n, 300) for n in range(6)), (-1, 600), (0, 300), (1, 300), (-1, 600))
    told(line, 0.0, "output_audio_buffer.started")
    told(line, 0.9, "talkover.held")
    done(line, 1.8, "cancelled")
    done(line, 3.1, "cancelled")
    found = minutes.endured(line, over("babble, 10 dB, near", 2.9, 3.5))
    assert (found["cancels"], found["spoiled"], found["holds"]) == (1, True, 1)
    assert found["spoke"] and found["barge_in_caught"]
    assert found["cancel_ms"] == pytest.approx(200, abs=1)
    assert found["silent_ms"] == pytest.approx(600, abs=12)
    assert found["silent_share"] == pytest.approx(0.6 / 2.4, abs=0.02)


# ---- the page --------------------------------------------------------------------------------


def blocks(samples: Samples) -> list[tuple[float, str]]:
    """10 ms each, as the recorder in the page gives them: its clock began at no time of ours."""
    pcm = at_16k(samples).tobytes()
    return [
        (5000 + at / 32000, base64.b64encode(pcm[at : at + 320]).decode())
        for at in range(0, len(pcm), 320)
    ]


def recorded(
    microphone: Samples, agent: Samples, statuses: list[str], clips: int = 1
) -> page.Recording:
    sides = [page.heard(blocks(side)) for side in (microphone, agent)]
    return page.read(*sides, statuses, clips)


def test_both_sides_of_a_page_are_read_on_one_clock():
    recording = recorded(
        tones((-1, 1000), (4, 600), (-1, 1400)),
        tones((0, 300), (1, 300), (2, 300), (3, 230), (-1, 1870)),
        ["cancelled"],
    )
    found = page.barge_in(recording)
    assert found["silent_ms"] == pytest.approx(130, abs=12) and not found["failed"]
    answered = recorded(
        tones((-1, 500), (4, 600), (-1, 1900)), tones((-1, 1340), (0, 600), (-1, 1060)), []
    )
    assert page.answer(answered)["answer_ms"] == pytest.approx(240, abs=12)


def test_an_answer_in_the_pause_is_a_cut_off_and_one_after_it_is_not():
    microphone = tones((-1, 500), (4, 500), (-1, 700), (5, 500), (-1, 1800))
    early = recorded(microphone, tones((-1, 1400), (0, 600), (-1, 2000)), [], 2)
    late = recorded(microphone, tones((-1, 3000), (0, 600), (-1, 400)), [], 2)
    assert page.pause(early)["failed"] and not page.pause(late)["failed"]
    assert page.pause(late)["answer_ms"] == pytest.approx(800, abs=12)


def test_a_microphone_that_said_something_else_is_no_measurement():
    with pytest.raises(ValueError, match="said 2 clips, not 1"):
        recorded(tones((4, 500), (-1, 700), (5, 500)), tones((0, 1700)), [])


# ---- curves ----------------------------------------------------------------------------------


def test_a_knee_is_where_both_errors_are_small():
    def row(silence: int, cut: float, wait: float | None) -> dict[str, Any]:
        return {"silence_ms": silence, "cut_off_percent": cut, "answer_ms": {"p50": wait}}

    rows = [row(100, 90, 110), row(300, 20, 310), row(400, 15, 410), row(1000, 0, 1010)]
    assert curves.bend(rows) == 300
    assert curves.bend([row(100, 100, None)]) is None

    def stop(limit: int, missed: float, false: float, gone: float) -> dict[str, Any]:
        return {"interrupt_ms": limit, "missed_percent": missed, "false_percent": false,
                "gone_ms": {"p95": gone}}  # fmt: skip

    assert curves.least([stop(200, 0, 60, 300), stop(600, 2, 8, 400), stop(900, 2, 8, 700)]) == 600


def test_a_voice_that_lasts_is_caught_by_a_short_limit_and_a_cough_by_none():
    long = curves.on_tape("real", Clip("slt", _vowel(1.2)), [])
    cough = curves.on_tape("cough", noise.cough(0), [])
    short, wide = (curves.stopped([long, cough], curves.wordless, limit) for limit in (600, 2000))
    assert (short["missed_percent"], short["false_percent"], short["wrong"]) == (0, 0, {})
    assert (wide["missed_percent"], wide["wrong"]) == (100, {"real": 1})
    # Held long before it is decided.
    assert short["gone_ms"]["p50"] < 450


def test_words_that_are_known_as_they_come_stop_the_agent_before_a_length_does():
    said = curves.on_tape("real", Clip("slt", _vowel(1.2)), ["tell", "me", "something", "else"])
    found = curves.stopped([said], curves.streaming, 2000)
    assert found["missed_percent"] == 0


def _vowel(seconds: float) -> Samples:
    """A voice for as long as it is asked for: syllables of one vowel."""
    made = noise.laughter(3).samples
    syllable = made[: round(0.11 * RATE)]
    times = round(seconds / 0.15)
    gap = np.zeros(round(0.04 * RATE), np.int16)
    return np.concatenate([np.concatenate([syllable, gap]) for _ in range(times)])


# ---- languages -------------------------------------------------------------------------------


def test_a_pause_within_a_prompt_is_found():
    sound = tones((1, 400), (-1, 250), (1, 400))
    assert max(gaps(sound, RATE)) == pytest.approx(0.25, abs=0.011)
    assert voiced(sound, RATE)[0] == 0.0


def test_a_language_that_is_not_installed_is_left_out_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "en").mkdir()
    monkeypatch.setattr(languages, "PROMPTS", tmp_path)
    assert languages.available() == ["en"]
    assert "asterisk-core-sounds-fr-g722 is not installed" in languages.missing()["fr"]
