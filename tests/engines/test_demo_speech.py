"""The demo's voice and ear, in their real processes."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time

import pytest

from talkover.engines.base import Words
from talkover.engines.demo.ear import PocketsphinxEar
from talkover.engines.demo.voice import EspeakVoice

PHRASES = ("what time is it", "tell me a story", "what is twelve times seven", "stop")


async def test_words_are_marked_where_they_begin():
    voice = EspeakVoice()
    await voice.warm()
    text = "Hello there, my friend."
    length, marks = 0, list[tuple[int, int]]()
    async for speech in voice.speak(text, voice=None, language="en"):
        marks += [(length + at, offset) for at, offset in speech.words]
        length += len(speech.pcm) // 2
    await voice.close()
    assert [text[offset:].split()[0] for _, offset in marks] == text.split()
    assert 22050 * 0.8 < length < 22050 * 4
    assert [at for at, _ in marks] == sorted(at for at, _ in marks)


async def test_a_closed_sentence_makes_way_for_the_next():
    voice = EspeakVoice()
    await voice.warm()
    long = voice.speak("word " * 2000, voice=None, language="en")
    await anext(long)
    await long.aclose()
    began = time.monotonic()
    async for _ in voice.speak("Hi.", voice=None, language="en"):
        break
    await voice.close()
    assert time.monotonic() - began < 1.0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite makes the speech")
async def test_the_ear_understands_the_demo_and_refuses_the_rest():
    ear = PocketsphinxEar()
    await ear.warm()
    partials: list[Words] = []
    stream = ear.open("en", partials.append)
    for phrase in (*PHRASES, "my name is robert", "the stock market fell again"):
        for at in range(0, len(sound := spoken(phrase)), 3200):
            stream.feed(sound[at : at + 3200])
        words = await asyncio.wait_for(stream.finish(), 20)
        stream.reset()
        assert (words.text, words.complete) == (phrase, True if phrase in PHRASES else None)
    assert partials and not any(words.final for words in partials)
    stream.close()
    await ear.close()


def spoken(text: str) -> bytes:
    made = subprocess.run(
        ["flite", "-voice", "rms", "-t", text, "-o", "/dev/stdout"], check=True, capture_output=True
    ).stdout
    return subprocess.run(
        "sox -t wav - -r 16000 -c 1 -b 16 -t raw - pad 0.3 0.3".split(),
        input=made, check=True, capture_output=True,
    ).stdout  # fmt: skip
