"""Our own engines keep to the protocols, and the kit catches those that do not."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncGenerator

import pytest

from talkover.engines.base import EngineInfo, Speech
from talkover.engines.demo.ear import PocketsphinxEar
from talkover.engines.demo.script import ScriptedModel
from talkover.engines.demo.voice import EspeakVoice
from talkover.engines.remote.chat import ChatModel
from talkover.engines.remote.speech import RemoteVoice
from talkover.engines.remote.transcription import Transcription
from talkover.engines.remote.upstream import Upstream
from talkover.testing import Call, ScriptedLlm, SteadyVoice, conformance

NOBODY = "http://127.0.0.1:9/v1"
"""The discard port: nothing listens there."""


async def test_the_scripted_voice_conforms():
    await conformance.check_tts(SteadyVoice())


async def test_the_scripted_model_conforms():
    answers = {"weather": [Call("weather", {"city": "Rome"}), "It is {result}."], "": "Hello."}
    await conformance.check_llm(ScriptedLlm(answers), tool="the weather in Rome")


async def test_the_demos_voice_conforms():
    await conformance.check_tts(EspeakVoice())


async def test_the_demos_model_conforms():
    await conformance.check_llm(ScriptedModel(), "What time is it?", tool="weather in Rome")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite makes the speech")
async def test_the_demos_ear_conforms():
    await conformance.check_stt(PocketsphinxEar(), spoken("what time is it"), "what time is it")


@pytest.mark.parametrize(
    "engine",
    [
        lambda: RemoteVoice(Upstream(NOBODY, None, "tts"), "tts-1", "alloy"),
        lambda: ChatModel(Upstream(NOBODY, None, "llm"), "any"),
        lambda: Transcription(Upstream(NOBODY, None, "stt"), "whisper-1"),
    ],
)
async def test_engines_whose_server_is_gone_say_so(engine):
    await conformance.check_failure(engine())


class Voice(SteadyVoice):
    """Wrong in one way at a time."""

    def __init__(self, fault: str) -> None:
        super().__init__(first=0.0)
        self.fault = fault
        if fault == "role":
            self.info = EngineInfo("wrong", "stt")
        if fault == "unsaid":
            self.info = EngineInfo("wrong", "tts")

    async def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        try:
            async for speech in super().speak(text, voice=voice, language=language, speed=speed):
                yield self._spoilt(speech, text)
        finally:
            await asyncio.sleep({"slow": 2.0, "tardy": 0.1}.get(self.fault, 0.0))

    def _spoilt(self, speech: Speech, text: str) -> Speech:
        pcm, rate, ((at, offset),) = speech.pcm, speech.rate, speech.words
        match self.fault:
            case "odd":
                return Speech(pcm + b"\0", rate, speech.words)
            case "silent":
                return Speech(bytes(len(pcm)), rate, speech.words)
            case "beyond":
                return Speech(pcm, rate, ((at, offset + len(text)),))
            case "back":
                return Speech(pcm, rate, ((at, len(text) - 1 - offset),))
            case "unmarked":
                return Speech(pcm, rate)
            case "rates":
                return Speech(pcm, rate + offset, speech.words)
            case _:
                return speech


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("role", "info.role"), ("odd", "even size"), ("silent", "silence"), ("rates", "one rate"),
        ("beyond", "A mark for character"), ("back", "goes back|at no word"),
        ("unmarked", "marks for"), ("unsaid", "say so"), ("slow", "took longer"),
        ("tardy", "ms; it may take 30"),
    ],
)  # fmt: skip
async def test_a_voice_at_fault_is_told_its_fault(fault: str, complaint: str):
    with pytest.raises(AssertionError, match=complaint):
        await conformance.check_tts(Voice(fault))


async def test_an_engine_that_works_is_no_failure():
    with pytest.raises(AssertionError, match="It works"):
        await conformance.check_failure(SteadyVoice())


def spoken(text: str) -> bytes:
    made = subprocess.run(
        ["flite", "-voice", "rms", "-t", text, "-o", "/dev/stdout"], check=True, capture_output=True
    ).stdout
    return subprocess.run(
        "sox -t wav - -r 16000 -c 1 -b 16 -t raw - pad 0.3 0.3".split(),
        input=made, check=True, capture_output=True,
    ).stdout  # fmt: skip
