"""The benchmarks at their smallest: they run, their JSON is whole, and their rulers are true."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench import load, turns  # noqa: E402 - the benchmarks are no package of the installation
from bench.engines import RATE, sine, tone  # noqa: E402
from bench.intelligibility import Sentence, Sound, look, word_errors  # noqa: E402
from bench.report import percentile, spread  # noqa: E402
from bench.scoring import Heard, fates  # noqa: E402


def bench(name: str, folder: Path, *arguments: str, report: str | None = None) -> dict[str, Any]:
    """Run one and read its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", "--out", str(folder), *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = report or name
    found = json.loads((folder / f"{report}.json").read_text())
    assert found["benchmark"] == report and found["method"] and found["goals"]
    assert len(found["machine"]["load_before"]) == 3 and found["versions"]["talkover"]
    return found


def recording(*parts: tuple[int, float, int]) -> Heard:
    """(word, gain, ms) in turn, arriving in real time from second 100 on; word -1 is silence."""
    sound = [
        np.frombuffer(sine(tone(word)), np.int16)[: ms * RATE // 1000] * gain
        if word >= 0 else np.zeros(ms * RATE // 1000)
        for word, gain, ms in parts
    ]  # fmt: skip
    whole = np.concatenate(sound)
    at_16k = np.interp(np.arange(0, len(whole), 1.5), np.arange(len(whole)), whole)
    frames = at_16k[: len(at_16k) // 320 * 320].astype(np.int16).reshape(-1, 320)
    return Heard([(100 + n * 0.02, n * 320, frame.tobytes()) for n, frame in enumerate(frames)])


def test_a_fall_and_a_silence_are_dated_to_their_step():
    heard = recording((0, 1, 300), (1, 1, 300), (2, 1, 300), (3, 0.126, 300), (-1, 0, 300))
    assert heard.fallen(100.6, 12) == pytest.approx(100.9, abs=0.006)
    assert heard.silent(100.6) == pytest.approx(101.2, abs=0.006)
    assert heard.longest_silence(100.0, 101.5) == pytest.approx(0.3, abs=0.011)


def test_nothing_fell_where_nothing_fell():
    heard = recording(*((n, 1, 300) for n in range(6)))
    assert heard.fallen(100.6, 12) is None and heard.silent(100.6) is None


def test_words_are_told_apart_and_counted():
    heard = recording(*((n, 1, 300) for n in range(8)))
    assert [word for word in dict.fromkeys(w for _, w in heard.words())] == list(range(8))
    assert fates(heard.words()) == {
        "words": 6, "lost": 0, "nearly_twice": 0, "twice": 0, "repeated_ms": 0,
    }  # fmt: skip


def test_a_lost_word_and_one_said_twice_are_found():
    lost = recording((0, 1, 300), (1, 1, 300), (3, 1, 300), (4, 1, 300))
    assert fates(lost.words())["lost"] == 1
    twice = recording((0, 1, 300), (1, 1, 300), (-1, 0, 200), (1, 1, 300), (2, 1, 300))
    found = fates(twice.words())
    assert found["twice"] == 1 and found["repeated_ms"] == pytest.approx(300, abs=40)


def sentence_and_echo(late_ms: int, *, hole_ms: int = 0) -> list[Any]:
    """A second of noise, at 1 s of the tape and so much later in what was heard."""
    noise = np.random.default_rng(1).normal(0, 3000, 16000)
    samples = np.zeros(5 * 16000)
    begin = 16000 + 16 * late_ms
    samples[begin : begin + 16000] = noise
    samples[begin + 8000 : begin + 8000 + 16 * hole_ms] = 0
    sound = Sound(samples, np.arange(len(samples) // 80) / 200)
    return look([Sentence("a second of noise", 1.0, noise)], sound)


def test_a_sentence_is_found_where_it_came_and_what_is_missing_is_counted():
    (whole,) = sentence_and_echo(300)
    assert whole.delay_s == pytest.approx(0.3, abs=0.006) and whole.missing == 0
    (broken,) = sentence_and_echo(700, hole_ms=200)
    assert broken.delay_s == pytest.approx(0.7, abs=0.006)
    assert (broken.missing, broken.voiced) == (10, 50)


def test_a_sentence_that_never_came_is_missing_as_a_whole():
    noise = np.random.default_rng(2).normal(0, 3000, 16000)
    sound = Sound(np.zeros(5 * 16000), np.arange(1000) / 200)
    (found,) = look([Sentence("x", 1.0, noise)], sound)
    assert found.delay_s is None and found.missing == found.voiced == 50 and not found.pcm


def test_word_errors_are_words_put_wrong_left_out_and_put_in():
    said = "what time is it now"
    assert word_errors(said, said) == 0 and word_errors(said, "") == 5
    assert word_errors(said, "what dime is now please") == 3


def test_percentiles_are_of_the_nearest_rank():
    assert percentile([], 50) is None
    assert percentile([3, 1, 2], 50) == 2 and percentile(range(1, 101), 95) == 95
    assert spread([1.26], 1) == {"n": 1, "p50": 1.3, "p95": 1.3, "min": 1.3, "max": 1.3}


def test_the_turn_machine_is_measured_in_virtual_time():
    ends = {(row["words"], row["stt_ms"]): row["answer_ms"] for row in turns.ends()}
    assert ends["complete (known)", 0] == 96
    assert ends["neutral", 0] < ends["incomplete", 0]
    overlaps = {row["voice"]: row for row in turns.overlaps() if row["stt_ms"] == 0}
    assert overlaps["mm-hm"]["cancel_ms"] is None and overlaps["mm-hm"]["resume_ms"] is not None
    assert overlaps["stop"]["resume_ms"] is None and overlaps["stop"]["cancel_ms"] is not None


def test_the_lag_of_a_share_of_all_samples_is_read_off_the_servers_histogram():
    buckets = [(0.001, 90.0), (0.005, 100.0), (0.1, 100.0), (float("inf"), 100.0)]
    assert load.quantile(buckets, 0.5) == pytest.approx(0.56, abs=0.01)
    assert load.quantile(buckets, 0.95) == pytest.approx(3.0, abs=0.01)
    assert load.quantile([(0.001, 0.0), (float("inf"), 4.0)], 0.99) == 1.0
    assert load.quantile([(float("inf"), 0.0)], 0.5) is None


def test_cores_are_named_as_taskset_has_them():
    assert load.cores("0,2-4,7") == [0, 2, 3, 4, 7]


@pytest.mark.e2e
def test_calls_are_measured(tmp_path: Path):
    found = bench("calls", tmp_path, "--n", "2", "--seconds", "1", "--idle", "0.3",
                  "--tries", "1", "--peer", "aiortc", "pion", "--peer-n", "1")  # fmt: skip
    runs = {run["mode"]: run for run in found["results"]["runs"]}
    pion = {"pion echo", "pion listening"} if shutil.which("go") else set[str]()
    assert set(runs) == {"listening", "talking", "aiortc echo"} | pion
    for run in runs.values():
        assert run["alive"] == run["n"] and run["cpu_percent"] > 0 and run["rss_mb"] > 0
    assert 0.8 < runs["talking"]["audio"] < 1.2
    assert runs["talking"]["lateness_p99_ms"] > 0
    for peer in set(runs) - {"listening", "talking", "pion listening"}:
        # In one second not every peer has begun; how well it does is for longer runs.
        assert 0.2 < runs[peer]["audio"] < 1.2, f"{peer} sends back what it hears"


@pytest.mark.e2e
def test_a_crowd_is_measured(tmp_path: Path):
    found = bench("admission", tmp_path, "--offered", "3", "--lasting", "2", "--seconds", "4",
                  "--settle", "1", "--no-control")  # fmt: skip
    (run,) = found["results"]["runs"]
    assert run["learns"] and not run["failed"]
    assert run["admitted"] >= 3 and run["refused"] == 0 and run["limit"]["p50"] == 100
    assert 0.8 < run["audio_of_a_call"]["p50"] < 1.2 and run["seconds"][0]["sent"] > 0


@pytest.mark.e2e
def test_the_floor_is_measured_over_sockets(tmp_path: Path):
    found = bench("duplex", tmp_path, "--reps", "1", "--voices", "slt",
                  "--parts", "barge-in", "--parallel", "2")  # fmt: skip
    sockets = found["results"]["sockets"]
    assert not found["results"]["failed"]
    assert sockets["barge-in: oracle"]["ducked_ms"]["n"] == 1
    said = {run["kind"]: run["said"] for run in found["results"]["calls"]}
    assert said["oracle"] == "tell me something else", "the words that interrupted are the turn's"
    assert found["results"]["peers"]["Pipecat 1.14"]["duck"] == "549"


@pytest.mark.e2e
def test_both_errors_of_an_interruption_are_measured(tmp_path: Path):
    found = bench("duplex", tmp_path, "--reps", "1", "--voices", "slt", "--parts", "stop")
    results = found["results"]
    assert not results["failed"]
    stop = results["errors"]["stop, clean, oracle"]
    # Four more voices say this one word.
    assert stop["barge_ins"] == 5 and stop["missed_percent"] <= 40
    assert {run["why"][0] for run in results["calls"] if run["cancelled"] and run["why"]}


@pytest.mark.e2e
def test_a_person_hears_the_main_five_in_a_real_page(tmp_path: Path):
    found = bench("duplex", tmp_path, "--browser", "--reps", "1", "--voices", "slt",
                  report="duplex-browser")  # fmt: skip
    results = found["results"]
    assert not results["failed"], results["failed"]
    scenes = results["page"]
    assert list(scenes) == ["answer", "barge-in", "mm-hm", "pause", "stop"]
    assert all(scene["failed"] == 0 for scene in scenes.values()), scenes
    # What a starved machine allows; the benchmark tells what a quiet one does.
    assert 0 < scenes["answer"]["answer_ms"]["max"] < 2000
    for name in ("barge-in", "stop"):
        assert scenes[name]["fallen_ms"]["max"] < 1000 and scenes[name]["silent_ms"]["max"] < 2000
    assert scenes["mm-hm"]["gap_ms"]["max"] < 1000 and scenes["mm-hm"]["lost"] == 0
    assert scenes["pause"]["answer_ms"]["max"] < 4000


@pytest.mark.e2e
def test_the_footprint_is_measured(tmp_path: Path):
    found = bench("footprint", tmp_path, "--times", "1", "--no-install")
    results = found["results"]
    assert results["import_s"]["talkover"]["clock"]["p50"] > 0
    assert results["idle"]["rss_mb"] > 10 and len(results["idle_demo"]["workers_rss_mb"]) >= 1


@pytest.mark.e2e
def test_what_observing_costs_is_measured(tmp_path: Path):
    found = bench("observe", tmp_path, "--turns", "20")["results"]
    assert 0 < found["fact_us"] < 100 and found["traced_turn_us"] > 0
    assert found["scrape_50"]["ms"]["p50"] < 1000


@pytest.mark.e2e
def test_what_is_added_between_the_engines_is_measured(tmp_path: Path):
    found = bench("overhead", tmp_path, "--sessions", "2", "--turns", "1")["results"]["2"]
    assert 0 < found["llm to tts"]["p50"] <= found["llm to tts"]["p99"]
    assert 0 < found["stt to llm, CPU"]["p50"] and 0 < found["beyond"]["p50"]


@pytest.mark.e2e
def test_speech_over_a_bad_network_is_measured(tmp_path: Path):
    found = bench("network", tmp_path, "--cells", "0/0", "30/0", "--sentences", "3")
    runs = {(run["server"], run["loss"]): run for run in found["results"]["runs"]}
    assert set(runs) == {(name, loss) for name in ("talkover", "aiortc") for loss in (0, 30)}
    assert set(found["results"]["relay_late_ms"]) == {"talkover", "aiortc"}
    for name in ("talkover", "aiortc"):
        clean = runs[name, 0]
        assert clean["back"]["word_error_percent"] <= 10 and clean["back"]["missing_percent"] <= 2
        assert clean["back"]["lost_sentences"] == 0
        assert 20 < clean["back"]["mouth_to_ear_ms"]["p50"] < 1000
        bad = runs[name, 30]
        assert "failed" in bad or (
            bad["back"]["missing_percent"] > clean["back"]["missing_percent"]
        ), "a third of all packets is lost, and nobody can conceal all of them"
    assert runs["talkover", 0]["up"]["word_error_percent"] <= 10
    assert runs["talkover", 30]["up"]["missing_percent"] >= 0
