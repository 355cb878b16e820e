"""Piper and Kokoro: the real libraries and processes on voices that are made here."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from engines import local_models
from engines.children import children
from structlog.testing import capture_logs

from talkover.engines.local import voice as local_voice
from talkover.engines.local.jobs import MOST, Jobs
from talkover.engines.local.voice import LocalVoice
from talkover.errors import EngineError
from talkover.testing import conformance

ENDLESS = 0.5
"""At this speed the voice that is made here never comes to an end."""


async def said(voice: LocalVoice, text: str, name: str | None = None, speed: float = 1.0) -> bytes:
    async with aclosing(voice.speak(text, voice=name, language="en", speed=speed)) as stream:
        return b"".join([one.pcm async for one in stream])


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def piper(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalVoice]:
    file = local_models.piper(tmp_path_factory.mktemp("piper"))
    voice = LocalVoice("piper", str(file), None)
    await voice.warm()
    yield voice
    await voice.close()


async def test_piper_conforms(tmp_path: Path):
    file = local_models.piper(tmp_path, speakers=2)
    await conformance.check_tts(LocalVoice("piper", str(file), None))


async def test_kokoro_conforms(tmp_path: Path):
    folder = local_models.kokoro(tmp_path)
    await conformance.check_tts(LocalVoice("kokoro", str(folder), None))


async def test_a_voice_is_chosen_and_an_unknown_one_refused(tmp_path: Path):
    voice = LocalVoice("kokoro", str(local_models.kokoro(tmp_path)), "bf_emma")
    await voice.warm()
    try:
        emma, heart = (
            await said(voice, "Hello there."),
            await said(voice, "Hello there.", "af_heart"),
        )
        levels = [np.abs(np.frombuffer(one, "<i2")).max() for one in (emma, heart)]
        assert levels[1] > 3 * levels[0] > 0
        with pytest.raises(EngineError, match="no voice 'bob', but af_heart, bf_emma"):
            await said(voice, "Hello.", "bob")
        with pytest.raises(EngineError, match="language of the voice 'jf_alpha'"):
            await said(voice, "Hello.", "jf_alpha")
        assert await said(voice, "Hello there.") == emma
    finally:
        await voice.close()


async def test_text_without_words_is_silent(piper: LocalVoice):
    assert await said(piper, " ... !") == b""
    assert await said(piper, "One, two.")


async def test_the_first_clause_is_heard_before_the_last_is_made(piper: LocalVoice):
    stream = piper.speak("Well, my friend, " + "this is long. " * 50, voice=None, language="en")
    first = await anext(stream)
    assert first.rate == local_models.RATE and first.pcm
    await stream.aclose()


async def test_a_sentence_that_is_cut_off_makes_way_at_once(piper: LocalVoice):
    """What the model computes is stopped in the middle of the run."""
    hard = piper.speak("Think hard. " * 20, voice=None, language="en", speed=ENDLESS)
    thinking = asyncio.ensure_future(anext(hard))
    assert not (await asyncio.wait([thinking], timeout=0.2))[0]
    began = time.monotonic()
    thinking.cancel()
    await asyncio.wait([thinking])
    assert await asyncio.wait_for(said(piper, "Hi there."), 20)
    print(f"cut off, and another sentence made, in {time.monotonic() - began:.3f} s")


async def test_sessions_that_hang_cost_the_others_nothing(piper: LocalVoice):
    """Twenty callers on one voice; eight of them never fetch the rest of their sound."""
    alone = await said(piper, "Good morning, everybody.")
    hung = [piper.speak("I am never fetched. " * 30, voice=None, language="en") for _ in range(8)]
    for stream in hung:
        await anext(stream)
    everybody = [said(piper, "Good morning, everybody.") for _ in range(12)]
    assert await asyncio.wait_for(asyncio.gather(*everybody), 60) == [alone] * 12
    for stream in hung:
        await stream.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def jobs(tmp_path: Path) -> AsyncIterator[Jobs]:
    """What all streams of a voice share."""
    file = local_models.piper(tmp_path)
    made = Jobs("piper", "talkover.engines.local.voice_worker", "piper", str(file), most_s=60)
    await made.warm()
    yield made
    await made.close()


async def test_whose_listener_runs_dry_first_is_served_first(jobs: Jobs):
    text = {"text": "Hi there.", "voice": None}
    endless = jobs.put(json.dumps({**text, "speed": ENDLESS}).encode(), 0.0)
    served: list[float] = []
    waiting = [
        jobs.put(json.dumps({**text, "speed": 1.0}).encode(), due) for due in (4.0, 2.0, 3.0, 1.0)
    ]
    for job in waiting:
        job.answer.add_done_callback(lambda _, due=job.due: served.append(due))
    jobs.drop(waiting.pop(1))
    jobs.drop(endless)
    await asyncio.wait_for(asyncio.gather(*(job.answer for job in waiting)), 60)
    assert served == [2.0, 1.0, 3.0, 4.0]  # the second one was dropped


async def test_more_than_can_wait_are_refused_at_once(piper: LocalVoice):
    streams = [piper.speak("Hello.", voice=None, language="en") for _ in range(70)]
    asking = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await asyncio.sleep(0)
    refused = [task.exception() for task in asking if task.done()]
    assert len(refused) == 70 - 1 - MOST
    assert all(isinstance(error, EngineError) and error.code == "engine_busy" for error in refused)
    await asyncio.wait(asking, timeout=60)
    assert sum(task.done() and task.exception() is None for task in asking) == 1 + MOST


async def test_a_clause_that_never_ends_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(local_voice, "MOST_S", 2.0)
    voice = LocalVoice("piper", str(local_models.piper(tmp_path)), None)
    await voice.warm()
    try:
        stuck = asyncio.create_task(said(voice, "Think forever.", speed=ENDLESS))
        await asyncio.sleep(0)
        others = [asyncio.create_task(said(voice, "Good morning.")) for _ in range(5)]
        results = await asyncio.wait_for(asyncio.gather(stuck, *others, return_exceptions=True), 90)
        assert isinstance(results[0], EngineError) and results[0].code == "engine_stalled"
        assert results[1] and results[1:] == [results[1]] * 5
    finally:
        await voice.close()


async def test_a_process_that_died_while_it_was_idle_is_not_noticed(piper: LocalVoice):
    alone = await said(piper, "Good morning.")
    (process,) = children(b"local.voice_worker")
    with capture_logs() as said_of_it:
        os.kill(process, signal.SIGKILL)
        async with asyncio.timeout(20):
            while not said_of_it:  # noqa: ASYNC110 - it is only logged
                await asyncio.sleep(0.01)
    assert await asyncio.wait_for(said(piper, "Good morning."), 90) == alone


async def test_a_folder_without_a_model_is_refused(tmp_path: Path, capfd):
    await conformance.check_failure(LocalVoice("piper", str(tmp_path), None))
    assert "cannot be used" in capfd.readouterr().err


async def test_weights_that_were_not_pulled_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TALKOVER_MODELS", str(tmp_path))
    with pytest.raises(EngineError, match=r"talkover models pull en_US-ljspeech-medium"):
        await LocalVoice("piper", None, None).warm()
