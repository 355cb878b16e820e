"""Whisper: the real library and process on a model that is made here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import pytest_asyncio
from engines import local_models

from talkover.engines.local import byte_pairs
from talkover.engines.local.whisper import WhisperEar
from talkover.errors import EngineError
from talkover.testing import conformance

pytest.importorskip("ctranslate2")


def noise(seconds: float) -> bytes:
    random = np.random.default_rng(1)
    return random.integers(-9000, 9000, int(seconds * 16000), "<i2").tobytes()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ear(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WhisperEar]:
    ear = WhisperEar(str(local_models.whisper(tmp_path_factory.mktemp("whisper"))))
    await ear.warm()
    yield ear
    await ear.close()


async def test_it_conforms(tmp_path: Path):
    ear = WhisperEar(str(local_models.whisper(tmp_path)))
    await conformance.check_stt(ear, noise(1), "^good day$")


@pytest.mark.asyncio(loop_scope="module")
async def test_callers_who_end_at_once_each_get_their_own_words(ear: WhisperEar):
    streams = [ear.open("en", lambda _: None) for _ in range(12)]
    for place, stream in enumerate(streams):
        stream.feed(noise(1) if place % 2 else bytes(32000))
    words = await asyncio.wait_for(asyncio.gather(*(one.finish() for one in streams)), 60)
    assert [one.text for one in words] == ["", "good day"] * 6
    assert all(one.final and one.sure for one in words)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_language_that_it_has_not_fails_its_own_caller_only(ear: WhisperEar):
    streams = [ear.open(language, lambda _: None) for language in ("en", "xx", "en")]
    for stream in streams:
        stream.feed(noise(1))
    asking = asyncio.gather(*(one.finish() for one in streams), return_exceptions=True)
    first, wrong, last = await asyncio.wait_for(asking, 60)
    assert isinstance(wrong, EngineError) and "no language 'xx'" in wrong.message
    assert not isinstance(first, BaseException) and first == last and first.text == "good day"


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_longer_than_a_window_is_heard_to_its_end(ear: WhisperEar):
    stream = ear.open("en", lambda _: None)
    stream.feed(noise(28) + bytes(16000) + noise(10))
    assert (await asyncio.wait_for(stream.finish(), 60)).text == "good day good day"


@pytest.mark.asyncio(loop_scope="module")
async def test_callers_who_hang_up_cost_the_others_nothing(ear: WhisperEar):
    gone = [ear.open("en", lambda _: None) for _ in range(40)]
    for stream in gone:
        stream.feed(noise(20))
    asking = [asyncio.create_task(stream.finish()) for stream in gone]
    await asyncio.sleep(0)
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    stream = ear.open("en", lambda _: None)
    stream.feed(noise(1))
    assert (await asyncio.wait_for(stream.finish(), 60)).text == "good day"


@pytest.mark.asyncio(loop_scope="module")
async def test_more_than_can_wait_are_refused_at_once(ear: WhisperEar):
    streams = [ear.open("en", lambda _: None) for _ in range(90)]
    for stream in streams:
        stream.feed(noise(0.2))
    asking = [asyncio.create_task(stream.finish()) for stream in streams]
    await asyncio.sleep(0)
    refused = [task for task in asking if task.done()]
    assert len(refused) == 90 - 8 - 64
    errors = [task.exception() for task in refused]
    assert all(isinstance(error, EngineError) and error.code == "engine_busy" for error in errors)
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)


def test_words_that_the_model_does_not_believe_are_none():
    judged = pytest.importorskip("talkover.engines.local.whisper_worker").judged

    def heard(text: str, score: float, no_speech: float) -> tuple[str, bool]:
        tokens = [text.replace(" ", "Ġ"), "<|endoftext|>"]
        said = judged(SimpleNamespace(sequences=[tokens], scores=[score], no_speech_prob=no_speech))
        return said.text, said.sure

    assert heard(" Thank you.", -0.2, 0.1) == ("Thank you.", True)
    assert heard(" Thank you.", -1.4, 0.1) == ("Thank you.", False)
    assert heard(" Thank you.", -1.4, 0.9) == ("", True)
    assert heard(" Thank you." * 30, -0.2, 0.1) == (("Thank you. " * 30).strip(), False)


def test_bytes_of_a_character_are_put_together_across_tokens():
    assert byte_pairs.text(["ĠGr", "Ã", "¼", "ÃŁe", "<|endoftext|>"]) == " Grüße"
    assert byte_pairs.text(["a", "Ã"]) == "a"
