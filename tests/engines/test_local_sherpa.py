"""sherpa-onnx: the real library and process on a transducer that is made here."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from engines import local_models

from talkover.engines.base import Words
from talkover.engines.local import sherpa
from talkover.engines.local.sherpa import SherpaEar
from talkover.errors import EngineError
from talkover.testing import conformance

pytestmark = pytest.mark.asyncio(loop_scope="module")

PIECE = 640


def noise(seconds: float) -> bytes:
    random = np.random.default_rng(1)
    return random.integers(-9000, 9000, int(seconds * 16000), "<i2").tobytes()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ear(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SherpaEar]:
    ear = SherpaEar(str(local_models.sherpa(tmp_path_factory.mktemp("sherpa"))))
    await ear.warm()
    yield ear
    await ear.close()


async def finished(stream: sherpa.EarStream) -> str:
    return (await asyncio.wait_for(stream.finish(), 60)).text


async def test_it_conforms(tmp_path: Path):
    ear = SherpaEar(str(local_models.sherpa(tmp_path)))
    await conformance.check_stt(ear, noise(1), "^one two three one")


async def test_words_come_while_they_are_spoken(ear: SherpaEar):
    heard: asyncio.Queue[Words] = asyncio.Queue()
    stream = ear.open("en", heard.put_nowait)
    stream.feed(noise(0.4))
    first = await asyncio.wait_for(heard.get(), 60)
    assert (first.text, first.final) == ("one", False)
    stream.feed(noise(0.4))
    while (words := await asyncio.wait_for(heard.get(), 60)).text != "one two three one":
        assert "one two three one".startswith(words.text)
    stream.close()


async def test_an_utterance_goes_on_after_its_words_were_asked_for(ear: SherpaEar):
    stream = ear.open("en", lambda _: None)
    stream.feed(noise(0.4))
    before = await finished(stream)
    stream.feed(noise(0.6))
    after = await finished(stream)
    assert after.startswith(before) and len(after) > len(before)
    stream.close()


async def test_a_caller_who_floods_is_refused_and_the_others_are_not(
    ear: SherpaEar, monkeypatch: pytest.MonkeyPatch
):
    """One sends far more than can be decoded; of each of ten others a chunk is decoded with one of
    its own."""
    others = [ear.open("en", lambda _: None) for _ in range(10)]
    for stream in others:
        stream.feed(noise(1))
    expected = await finished(others[0])
    flood = ear.open("en", lambda _: None)
    for _ in range(30):
        flood.feed(noise(1))
    assert [await finished(stream) for stream in others] == [expected] * 10
    with pytest.raises(EngineError) as refused:
        await finished(flood)
    assert refused.value.code == "engine_busy" and "--most-calls" in refused.value.message
    flood.reset()
    flood.feed(noise(1))
    assert await finished(flood) == expected
    monkeypatch.setattr(sherpa, "MOST_STREAMS", 11)
    further = ear.open("en", lambda _: None)
    further.feed(noise(1))
    with pytest.raises(EngineError, match="cannot keep up"):
        await finished(further)
    for stream in (*others, flood, further):
        stream.close()


async def test_who_hangs_up_with_words_outstanding_does_not_end_the_process(
    ear: SherpaEar, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sherpa, "STUCK_S", 0.01)
    process = ear.worker.process
    stream = ear.open("en", lambda _: None)
    stream.feed(noise(1))
    asked = asyncio.create_task(stream.finish())
    await asyncio.sleep(0)
    asked.cancel()
    stream.close()
    await asyncio.wait([asked])
    monkeypatch.undo()
    other = ear.open("en", lambda _: None)
    other.feed(noise(1))
    assert await finished(other) and ear.worker.process == process
    other.close()


async def test_a_process_that_is_stuck_is_ended_and_another_one_goes_on(
    ear: SherpaEar, monkeypatch: pytest.MonkeyPatch
):
    stream = ear.open("en", lambda _: None)
    stream.feed(noise(1))
    expected = await finished(stream)
    monkeypatch.setattr(sherpa, "STUCK_S", 0.3)
    process = ear.worker.process
    assert process is not None
    os.kill(process, signal.SIGSTOP)
    stream.feed(noise(1))
    with pytest.raises(EngineError, match="process ended"):
        await finished(stream)
    monkeypatch.undo()
    await asyncio.wait_for(ear.warm(), 60)
    stream.reset()
    stream.feed(noise(1))
    assert await finished(stream) == expected
    stream.close()


async def test_a_folder_without_a_model_is_refused(tmp_path: Path, capfd):
    await conformance.check_failure(SherpaEar(str(tmp_path)))
    assert "there is no encoder" in capfd.readouterr().err
