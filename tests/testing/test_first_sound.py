"""From the end of speech to the first sound: the models' own time, and little besides."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from talkover import Agent
from talkover.engines.base import Speech, TextDelta
from talkover.testing import ScriptedEar, ScriptedLlm, SteadyVoice, Talk

TOKEN_S = 0.1
MOST_BESIDES_MS = 60.0


class Tokens(ScriptedLlm):
    """Says a text in tokens of up to four characters, and remembers when each was given."""

    def __init__(self, text: str) -> None:
        super().__init__({})
        self.tokens = re.findall(r"\s*\S{1,4}", text)
        self.given: list[float] = []

    async def reply(self, *_: Any, **__: Any) -> AsyncGenerator[TextDelta]:
        for token in self.tokens:
            self.given.append(asyncio.get_running_loop().time())
            yield TextDelta(token)
            await asyncio.sleep(TOKEN_S)


class Asked(SteadyVoice):
    """A voice that remembers when it was asked for what."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[float, str]] = []

    async def speak(self, text: str, **given: Any) -> AsyncGenerator[Speech]:
        self.asked.append((asyncio.get_running_loop().time(), text))
        async for speech in super().speak(text, **given):
            yield speech


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("It is ten o'clock.", " The next train is late."),
        ("Es ist zehn Uhr.", " Der Zug kommt später."),
        ("Il est dix heures !", " Le train arrive bientôt."),
        ("¿Qué hora es?", " Son las diez de la mañana."),
        ("现在是十点。", "火车很快就来了。"),
        ("今は十時です。", "電車がもうすぐ来ます。"),
    ],
    ids=["English", "German", "French", "Spanish", "Chinese", "Japanese"],
)
def test_the_first_sentence_is_spoken_within_a_token_of_its_end(first: str, second: str):
    llm, voice = Tokens(first + second), Asked()
    talk = Talk(Agent("x"), llm=llm, tts=voice)
    talk.typed("what time is it?", at=0.0)
    talk.run()
    at, text = voice.asked[0]
    assert text.strip() == first
    ended = llm.given[next(n for n in range(99) if len("".join(llm.tokens[: n + 1])) >= len(first))]
    assert at <= ended + TOKEN_S + 0.001


@pytest.mark.parametrize("words", ["What time is it?", "the one with the red door"])
def test_end_of_speech_to_first_sound_is_the_models_time_and_60_ms(words: str):
    ear, llm, voice = ScriptedEar(), ScriptedLlm({"": "Ten. Or so."}, first=0.4), SteadyVoice()
    talk = Talk(Agent("x"), ear=ear, llm=llm, tts=voice)
    said = talk.user(words, at=0.0)
    result = talk.run()
    answered, (turn,) = result.answer_after(said), result.turns
    assert answered is not None
    models = (ear.final + llm.first + 2 * llm.pace + voice.first) * 1000
    besides = answered * 1000 - turn.timings["wait"] - models
    assert besides <= MOST_BESIDES_MS, (besides, result)
