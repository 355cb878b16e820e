"""The demo's voice and ear, in their real processes."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time

import pytest

from talkover.engines.base import Words
from talkover.engines.demo import numbers
from talkover.engines.demo.ear import PocketsphinxEar
from talkover.engines.demo.ear_worker import agreement, decent
from talkover.engines.demo.grammar import is_whole
from talkover.engines.demo.voice import VARIANTS, EspeakVoice
from talkover.engines.demo.wishes import wish
from talkover.gateway.app import TRIES

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


async def test_every_voice_that_is_offered_is_another():
    voice = EspeakVoice()
    await voice.warm()
    sounds = set[bytes]()
    for name in (None, *VARIANTS):
        parts = [said.pcm async for said in voice.speak("Hi.", voice=name, language="en")]
        sounds.add(b"".join(parts))
    await voice.close()
    assert len(sounds) == 1 + len(VARIANTS)


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


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite makes the speech")
async def test_what_the_page_suggests_is_understood_in_a_plain_voice():
    ear = PocketsphinxEar()
    await ear.warm()
    stream = ear.open("en", lambda _: None)
    for text in TRIES:
        stream.feed(spoken(text))
        words = await asyncio.wait_for(stream.finish(), 60)
        stream.reset()
        assert wish(words.text) == wish(text) != "", (text, words)
        assert numbers.find(words.text) == numbers.find(text)
    stream.close()
    await ear.close()


def test_a_sentence_of_the_grammar_is_whole_and_its_beginning_is_not():
    assert all(map(is_whole, ("what time is it", "count to twenty two please", "mm", "one two")))
    assert not any(map(is_whole, ("what time", "what's five divided", "can you stop", "", "two")))


def test_two_that_sound_alike_agree_more_than_two_that_do_not():
    phones = {"day": "D EY", "do": "D UW", "it": "IH T", "eat": "IY T", "stop": "S T AA P"}

    def agree(one: str, other: str) -> float:
        return agreement(one, other, lambda text: " ".join(map(phones.get, text.split())).split())

    assert agree("day it", "day it") == 1.0
    assert agree("day it", "do eat") > 0.5 > agree("day it", "stop")


def test_no_obscene_word_is_known():
    known = decent("fun F AH N\nfuck F AH K\nfuck(2) F AH K\ncocktail K AA K T EY L\n")
    assert [line.split()[0] for line in known.splitlines()] == ["fun", "cocktail"]


def spoken(text: str) -> bytes:
    made = subprocess.run(
        ["flite", "-voice", "rms", "-t", text, "-o", "/dev/stdout"], check=True, capture_output=True
    ).stdout
    return subprocess.run(
        "sox -t wav - -r 16000 -c 1 -b 16 -t raw - pad 0.3 0.3".split(),
        input=made, check=True, capture_output=True,
    ).stdout  # fmt: skip
