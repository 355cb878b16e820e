"""The end of a turn by its sound: the real model where its wheel is, else a tiny one made here."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import onnx
import pytest
from engines.children import children
from onnx import TensorProto, helper, numpy_helper

from talkover.engines import worker
from talkover.engines.base import Endpointer
from talkover.engines.local import catalogue
from talkover.engines.local import weights as store
from talkover.engines.smart_turn import endpointer as smart_turn
from talkover.engines.smart_turn import weights
from talkover.engines.smart_turn.endpointer import MOST_WAITING, SmartTurn
from talkover.engines.smart_turn.features import FRAMES, MELS, SAMPLES, log_mel
from talkover.engines.smart_turn.model_worker import Model
from talkover.errors import EngineError

WHEEL = Path(__file__).parents[2] / ".cache/smart-turn"
"""Put there by scripts/test-tools.sh."""
REAL = WHEEL / "pipecat" / weights.IN_PIPECAT / "smart-turn-v3.2-cpu.onnx"
needs_the_model = pytest.mark.skipif(not REAL.exists(), reason="make test installs its wheel")

RECORDINGS = Path("/usr/share/asterisk/sounds/en")
"""Human speech, from Debian."""
PROMPTS = (
    "all-circuits-busy-now", "cannot-complete-as-dialed", "check-number-dial-again",
    "conf-full", "conf-kicked", "conf-leaderhasleft", "conf-lockednow", "conf-onlyperson",
    "conf-placeintoconf", "conf-nonextended", "conf-waitforleader", "agent-newlocation",
    "agent-pass", "invalid", "conf-noempty", "vm-nonumber",
)  # fmt: skip


def tiny(folder: Path, seed: int = 1) -> tuple[Path, np.ndarray]:
    """A model of the real one's signature with random weights, and these."""
    w = np.random.default_rng(seed).normal(0, 0.01, (MELS * FRAMES, 1)).astype(np.float32)
    w -= w.mean()
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["input_features"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["sum"]),
            helper.make_node("Sigmoid", ["sum"], ["logits"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("input_features", TensorProto.FLOAT, ["n", MELS, FRAMES])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(w, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    file = folder / "tiny.onnx"
    onnx.save(model, file)
    return file, w


def expected(pcm: bytes, w: np.ndarray) -> float:
    """What the tiny model says: silence comes before a short turn, of a long one the end counts."""
    heard = np.frombuffer(pcm, "<i2").astype(np.float32)[-SAMPLES:] / 32768
    sound = np.concatenate([np.zeros(SAMPLES - len(heard), np.float32), heard])
    return float(1 / (1 + np.exp(-(log_mel(sound).ravel() @ w[:, 0]))))


def noise(seconds: float, seed: int = 0) -> bytes:
    random = np.random.default_rng(seed)
    return random.integers(-9000, 9000, int(seconds * 16000), "<i2").tobytes()


def workers() -> list[int]:
    """The model's processes that this test started."""
    return children(b"smart_turn.model_worker")


async def answered(endpointer: SmartTurn, pcm: bytes) -> float:
    """An answer, however often a busy machine misses the deadline."""
    async with asyncio.timeout(100):
        while (likely := await endpointer.likely_end(pcm)) is None:
            await endpointer.warm()
        return likely


@pytest.fixture(autouse=True)
def slow_starts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(worker, "START_S", 120.0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch):
    """For what is not about time."""
    monkeypatch.setattr(smart_turn, "DEADLINE_S", 20.0)


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[tuple[SmartTurn, np.ndarray]]:
    file, w = tiny(tmp_path)
    endpointer = SmartTurn(str(file))
    await endpointer.warm()
    yield endpointer, w
    await endpointer.close()


@pytest.mark.usefixtures("patient")
async def test_a_turn_is_judged_by_its_last_eight_seconds(small: tuple[SmartTurn, np.ndarray]):
    endpointer: Endpointer = small[0]
    assert endpointer.info.role == "turn" and not endpointer.info.leaves_machine
    for pcm in (noise(0.5), noise(3), noise(8), noise(11), noise(1) + b"\0", b""):
        likely = await endpointer.likely_end(pcm)
        assert likely == pytest.approx(expected(pcm[: len(pcm) & ~1], small[1]), abs=1e-4)


@pytest.mark.usefixtures("patient")
async def test_calls_that_ask_at_once_each_get_their_own_answer(
    small: tuple[SmartTurn, np.ndarray],
):
    turns = [noise(1 + seed, seed) for seed in range(MOST_WAITING)]
    answers = await asyncio.gather(*(small[0].likely_end(pcm) for pcm in turns))
    wanted = [expected(pcm, small[1]) for pcm in turns]
    assert answers == pytest.approx(wanted, abs=1e-4)
    assert len({round(likely, 3) for likely in wanted}) == len(wanted)


async def test_a_stuck_model_costs_the_deadline_and_no_more(small: tuple[SmartTurn, np.ndarray]):
    endpointer, w = small
    (child,) = workers()
    os.kill(child, signal.SIGSTOP)
    try:
        began = time.monotonic()
        several = [asyncio.create_task(endpointer.likely_end(noise(1))) for _ in range(9)]
        await asyncio.sleep(0)
        # One runs, a few wait, and those that could not be answered in time are refused at once.
        assert [task.done() for task in several] == [False] * (1 + MOST_WAITING) + [True] * 4
        assert await asyncio.gather(*several) == [None] * 9
        assert 0.1 < time.monotonic() - began < 5
    finally:
        os.kill(child, signal.SIGCONT)
    assert await answered(endpointer, noise(2, 7)) == pytest.approx(
        expected(noise(2, 7), w), abs=1e-4
    )


async def test_a_question_that_was_overtaken_makes_room(small: tuple[SmartTurn, np.ndarray]):
    endpointer = small[0]
    (child,) = workers()
    os.kill(child, signal.SIGSTOP)
    try:
        asked = [asyncio.create_task(endpointer.likely_end(noise(1))) for _ in range(5)]
        await asyncio.sleep(0)
        for task in asked[1:]:
            task.cancel()
        await asyncio.wait(asked[1:])
        assert all(task.cancelled() for task in asked[1:])
        further = [asyncio.create_task(endpointer.likely_end(noise(1))) for _ in range(5)]
        await asyncio.sleep(0)
        assert [task.done() for task in further] == [False] * MOST_WAITING + [True]
        await asyncio.gather(asked[0], *further)
    finally:
        os.kill(child, signal.SIGCONT)


async def test_a_model_that_died_says_nothing_and_comes_back(small: tuple[SmartTurn, np.ndarray]):
    endpointer, w = small
    (child,) = workers()
    os.kill(child, signal.SIGSTOP)
    asked = asyncio.create_task(endpointer.likely_end(noise(1)))
    await asyncio.sleep(0)
    os.kill(child, signal.SIGKILL)
    assert await asyncio.wait_for(asked, 5) is None
    assert await answered(endpointer, noise(1)) == pytest.approx(expected(noise(1), w), abs=1e-4)
    assert workers() and child not in workers()


async def test_before_warm_and_after_close_there_is_no_opinion(tmp_path: Path):
    file, _ = tiny(tmp_path)
    endpointer = SmartTurn(str(file))
    assert await endpointer.likely_end(noise(1)) is None
    await endpointer.warm()
    assert len(workers()) == 1
    await endpointer.close()
    assert await endpointer.likely_end(noise(1)) is None
    assert workers() == []


async def test_a_file_that_is_no_such_model_is_refused_at_once(tmp_path: Path, capfd):
    broken = tmp_path / "smart-turn-broken.onnx"
    broken.write_bytes(b"not a model")
    other = tmp_path / "other.onnx"
    takes = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 512])
    gives = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 512])
    graph = helper.make_graph(
        [helper.make_node("Sigmoid", ["input"], ["output"])], "other", [takes], [gives]
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), other
    )
    for file, reason in ((broken, "cannot be used"), (other, "not (n, 80, 800)")):
        with pytest.raises(EngineError, match="did not start"):
            await asyncio.wait_for(SmartTurn(str(file)).warm(), 60)
        assert reason in capfd.readouterr().err
    assert workers() == []


def test_the_models_file_is_the_one_named_or_pulled_or_in_pipecat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TALKOVER_MODELS", str(tmp_path / "models"))
    if importlib.util.find_spec("pipecat") is None:
        with pytest.raises(EngineError, match="pip install --no-deps pipecat-ai"):
            weights.find(None)
    with pytest.raises(EngineError, match=r"nowhere\.onnx is no file"):
        weights.find(str(tmp_path / "nowhere.onnx"))
    package = tmp_path / "pipecat"
    data = package / weights.IN_PIPECAT
    data.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EngineError, match="There is no end-of-turn model"):
        weights.find(None)
    for version in ("v3.1", "v3.2"):
        (data / f"smart-turn-{version}-cpu.onnx").touch()
    assert weights.find(None) == data / "smart-turn-v3.2-cpu.onnx"
    pulled = tmp_path / "models/smart-turn-v3.2/smart-turn-v3.2-cpu.onnx"
    pulled.parent.mkdir(parents=True)
    pulled.write_bytes(b"model")
    model = catalogue.named("smart-turn-v3.2")
    files = {pulled.name: store.Sum(5, "")}
    store.lock(model.name, store.Locked(model.revision, model.revision, files))
    assert weights.find(None) == pulled
    named = tmp_path / "mine.onnx"
    named.touch()
    assert weights.find(str(named)) == named


def test_asking_needs_neither_numpy_nor_onnxruntime_in_the_servers_process():
    code = (
        "import sys, talkover.engines.smart_turn.endpointer;"
        "print([m for m in ('numpy', 'onnxruntime') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_tone_lights_up_its_own_mel_at_its_own_time():
    at = np.arange(SAMPLES) / 16000
    sound = np.where(at >= 4, np.sin(2 * np.pi * 1000 * at), 0).astype(np.float32)
    picture = log_mel(sound)
    assert picture.shape == (80, 800) and picture.dtype == np.float32
    # 1 kHz is 15 of 45.2 mel, so between the 26th and the 27th of 81 equal steps.
    assert int(picture[:, 600].argmax()) in (25, 26)
    assert picture[26, 402] - picture[26, 397] > 1
    assert np.abs(log_mel(sound / 8) - picture).max() < 1e-3


@needs_the_model
def test_the_features_are_those_that_the_model_was_trained_on():
    spec = importlib.util.spec_from_file_location(
        "whisper_features", WHEEL / "pipecat/audio/turn/smart_turn/_whisper_features.py"
    )
    assert spec is not None and spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    random = np.random.default_rng(3)
    envelope = np.linspace(0, 1, SAMPLES) ** 4
    for sound in (np.zeros(SAMPLES), random.normal(0, 0.1, SAMPLES) * envelope):
        ours = log_mel(sound.astype(np.float32))
        theirs = reference.compute_whisper_log_mel_features(sound.astype(np.float32))
        assert np.abs(ours - theirs).max() < 1e-5


@needs_the_model
@pytest.mark.slow
@pytest.mark.skipif(not RECORDINGS.exists(), reason="make test installs the recordings")
def test_finished_sentences_of_a_person_score_above_cut_off_ones():
    model = Model(str(REAL))
    pause = bytes(200 * 32)
    whole, cut = list[float](), list[float]()
    for prompt in PROMPTS:
        speech = recorded(prompt)
        whole.append(model.likely_end(speech + pause))
        cut += [model.likely_end(speech[: len(speech) * part // 20 * 2] + pause) for part in (4, 7)]
    above = np.subtract.outer(whole, cut)
    auc = float(((above > 0) + 0.5 * (above == 0)).mean())
    print(f"means {np.mean(whole):.2f} and {np.mean(cut):.2f}, AUC {auc:.2f}")
    assert np.mean(whole) > 0.8 and np.mean(cut) < 0.5
    assert auc > 0.85


@needs_the_model
@pytest.mark.usefixtures("patient")
async def test_the_real_model_is_found_in_its_wheel_and_answers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(WHEEL)
    endpointer = SmartTurn()
    await endpointer.warm()
    likely = await endpointer.likely_end(noise(2))
    await endpointer.close()
    assert likely is not None and 0 <= likely <= 1


def recorded(name: str) -> bytes:
    """16 kHz mono s16le from the first to the last moment within 35 dB of the loudest."""
    with av.open(RECORDINGS / f"{name}.g722", format="g722") as file:
        sound = np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)])
    power = np.convolve(sound.astype(np.float64) ** 2, np.ones(160) / 160, "same")
    loud = np.flatnonzero(power > power.max() * 10**-3.5)
    return sound[loud[0] : loud[-1]].astype("<i2").tobytes()
