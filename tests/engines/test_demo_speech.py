"""The demo's voice and ear, in their real processes."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterable

import pytest

from talkover.engines.base import Words
from talkover.engines.demo import numbers
from talkover.engines.demo.dictionary import decent, only
from talkover.engines.demo.ear import PocketsphinxEar
from talkover.engines.demo.evidence import (
    NEEDED,
    SUPPORTED,
    Stretch,
    agreement,
    evidence,
    spread,
    support,
)
from talkover.engines.demo.grammar import is_whole
from talkover.engines.demo.voice import VARIANTS, EspeakVoice
from talkover.engines.demo.wishes import wish
from talkover.gateway.app import TRIES

EVERYDAY = (
    ("please go on", "slt"), ("please go on", "awb"), ("please continue", "rms"),
    ("keep going", "awb"), ("please go home", "slt"), ("say that again please", "slt"),
    ("how old are you", "slt"), ("never mind", "slt"), ("start over", "rms"),
    ("sell the island", "rms"),
)  # fmt: skip
"""What people say to anything that talks; most of it sounds like something that it can do."""
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
    for text, words in zip(TRIES, await understood(map(spoken, TRIES)), strict=True):
        assert wish(words.text) == wish(text) != "", (text, words)
        assert numbers.find(words.text) == numbers.find(text)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite makes the speech")
async def test_everyday_talk_is_not_taken_for_a_wish_that_sounds_like_it():
    sounds = (spoken(text, voice) for text, voice in EVERYDAY)
    for (text, voice), words in zip(EVERYDAY, await understood(sounds), strict=True):
        assert wish(words.text) in ("", wish(text)), (text, voice, words)


def test_a_sentence_of_the_grammar_is_whole_and_its_beginning_is_not():
    assert all(map(is_whole, ("what time is it", "count to twenty two please", "mm", "one two")))
    assert not any(map(is_whole, ("what time", "what's five divided", "can you stop", "", "two")))
    assert not any(map(is_whole, ("never mind", "how old are you")))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("hello can you please tell me what time it is", "time"), ("what day is today", "date"),
        ("okay what is today's date please", "date"), ("set a ten second timer", "timer"),
        ("i'd like to hear another short story please", "story"), ("who are you", "help"),
        ("could you spell the word banana", "spell"), ("how does this work", "help"),
        ("calculate six multiplied by nine", "sum"), ("count from one to five", "count"),
        ("say nice to meet you", "repeat"), ("how are you today", "well"), ("be quiet", "stop"),
        ("please go on", "on"), ("could you say that again please", "again"),
        ("hold on a second", "stop"), ("one moment", "stop"), ("see you later", "bye"),
        ("thank you very much", "thanks"),
    ],
)  # fmt: skip
def test_what_the_ear_takes_for_a_sentence_the_script_knows(text: str, wanted: str):
    assert is_whole(text) and wish(text) == wanted


def test_two_that_sound_alike_agree_more_than_two_that_do_not():
    phones = {"day": "D EY", "do": "D UW", "it": "IH T", "eat": "IY T", "stop": "S T AA P"}

    def agree(one: str, other: str) -> float:
        return agreement(one, other, lambda text: " ".join(phones[w] for w in text.split()).split())

    assert agree("day it", "day it") == 1.0
    assert agree("day it", "do eat") > 0.5 > agree("day it", "stop")


def test_no_obscene_word_is_known():
    known = decent("fun F AH N\nfuck F AH K\nfuck(2) F AH K\ncocktail K AA K T EY L\n")
    assert [line.split()[0] for line in known.splitlines()] == ["fun", "cocktail"]
    assert only({"fun"}, "fun F AH N\nfun(2) F UH N\nfund F AH N D\n").count("\n") == 2


def test_a_word_that_does_not_fit_the_sound_weighs_against_those_that_do():
    sounds = [Stretch("SIL", 0, 9, -20.0), Stretch("AA", 10, 29, -80.0)]
    fits = [Stretch("what", 10, 19, -45.0), Stretch("time", 20, 29, -45.0)]
    partly = [Stretch("what", 10, 19, -40.0), Stretch("time", 20, 29, -130.0)]
    assert evidence(0.5, fits, sounds) > NEEDED > evidence(0.5, partly, sounds)
    assert evidence(0.9, fits, sounds) > evidence(0.5, fits, sounds)
    assert evidence(0.9, [], sounds) < NEEDED


def test_a_sentence_that_explains_but_a_part_of_what_was_said_has_no_evidence():
    stop = [Stretch("stop", 0, 29, -3000.0)]
    sounds = [Stretch("S", 0, 14, -1500.0), Stretch("AA", 15, 29, -1500.0)]
    pause, more = Stretch("SIL", 30, 39, -900.0), Stretch("W", 40, 79, -4000.0)
    assert evidence(1.0, stop, [*sounds, pause]) > NEEDED
    assert evidence(1.0, stop, [*sounds, pause, more]) < NEEDED


def test_a_word_has_the_support_of_the_ear_that_heard_most_of_it_there():
    phones = {"spell": "S P EH L", "island": "AY L AH N D", "go": "G OW"}
    spell, island = Stretch("spell", 0, 39, 0.0), Stretch("island", 40, 89, 0.0)

    def sounds(word: str) -> list[str]:
        return phones[word].split()

    def heard(there: Stretch, word: str) -> list[Stretch]:
        return spread(there, sounds(word))

    def supported(words: list[Stretch], *ears: list[Stretch]) -> float:
        return support(words, ears, sounds)

    spelt, nothing = heard(spell, "spell"), [Stretch("SIL", 0, 89, 0.0)]
    assert supported([spell], nothing, spelt) == supported([spell], spelt) == 1.0
    assert supported([spell, island], spelt, heard(island, "island")) == 1.0
    assert supported([island], spelt) == supported([island], nothing) == 0.0
    assert supported([spell, island], heard(spell, "go"), nothing) < SUPPORTED


def test_a_search_for_sounds_that_lost_its_way_is_no_evidence():
    spell = [Stretch("spell", 0, 99, -9000.0)]
    assert evidence(1.0, spell, [Stretch("G", 0, 99, -12000.0)]) < NEEDED


async def understood(sounds: Iterable[bytes]) -> list[Words]:
    """One after the other by one caller."""
    ear = PocketsphinxEar()
    await ear.warm()
    stream, found = ear.open("en", lambda _: None), list[Words]()
    for sound in sounds:
        stream.feed(sound)
        found.append(await asyncio.wait_for(stream.finish(), 60))
        stream.reset()
    stream.close()
    await ear.close()
    return found


def spoken(text: str, voice: str = "rms") -> bytes:
    made = subprocess.run(
        ["flite", "-voice", voice, "-t", text, "-o", "/dev/stdout"], check=True, capture_output=True
    ).stdout
    return subprocess.run(
        "sox -t wav - -r 16000 -c 1 -b 16 -t raw - pad 0.3 0.3".split(),
        input=made, check=True, capture_output=True,
    ).stdout  # fmt: skip
