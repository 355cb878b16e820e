"""Engines that fail or fall silent, and those behind them; whole conversations in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from talkover import Agent
from talkover.engines.base import EngineInfo, Speech, TextDelta, Words
from talkover.engines.deadline import Patience
from talkover.engines.fallback import LlmChain, SttChain, TtsChain
from talkover.errors import ConfigError, EngineError
from talkover.testing import ScriptedLlm, SteadyVoice, Talk, conformance

PATIENCE = Patience(3.0)
SOON = Patience(0.03)
"""Where real time passes."""


class Mute(ScriptedLlm):
    """Says `begin`, then nothing any more; counts who asked."""

    def __init__(self, begin: str = "") -> None:
        super().__init__("")
        self.begin, self.count, self.closed = begin, 0, 0

    async def reply(
        self, messages: Any, tools: Any, *, tool_choice: Any = "auto", max_tokens: Any = None
    ) -> AsyncGenerator[TextDelta]:
        self.count += 1
        try:
            if self.begin:
                yield TextDelta(self.begin)
            await asyncio.Event().wait()
        finally:
            self.closed += 1


class MuteVoice(SteadyVoice):
    def __init__(self, pieces: int = 0) -> None:
        super().__init__()
        self.pieces, self.names = pieces, list[str | None]()

    async def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        self.names.append(voice)
        for _ in range(self.pieces):
            yield Speech(bytes(4800), 24000)
        await asyncio.Event().wait()


class DeafEar:
    """`said` None: hears, and never says what."""

    def __init__(self, said: str | None) -> None:
        self.info = EngineInfo("deaf ear", "stt", demo=True)
        self.said, self.fed = said, 0

    async def warm(self) -> None: ...
    async def close(self) -> None: ...
    def open(self, language: str, on_words: Callable[[Words], None]) -> DeafStream:
        return DeafStream(self)


class DeafStream:
    def __init__(self, ear: DeafEar) -> None:
        self.ear = ear

    def feed(self, pcm: bytes) -> None:
        self.ear.fed += len(pcm)

    async def finish(self) -> Words:
        if self.ear.said is None:
            await asyncio.Event().wait()
        return Words(self.ear.said or "", final=True)

    def reset(self) -> None:
        self.ear.fed = 0

    def close(self) -> None: ...


class Gone(ScriptedLlm):
    async def warm(self) -> None:
        raise EngineError("It is not there.")


class Wrong(ScriptedLlm):
    async def warm(self) -> None:
        raise ConfigError("--llm: choose a model.")


# ---- within a conversation -----------------------------------------------------------------------


def test_a_model_that_falls_silent_is_replaced_within_the_turn():
    silent, good = Mute(), ScriptedLlm({"": "The second one speaks."})
    talk = Talk(Agent("x"), llm=LlmChain([silent, good], PATIENCE))
    talk.user("hello there")
    result = talk.run()
    assert [reply.heard for reply in result.replies] == ["The second one speaks."]
    assert not result.errors
    assert silent.closed == silent.count


def test_a_model_that_failed_twice_is_left_alone():
    silent, good = Mute(), ScriptedLlm({"": "Yes."})
    talk = Talk(Agent("x"), llm=LlmChain([silent, good], PATIENCE))
    for _ in range(5):
        talk.user("are you there")
    result = talk.run()
    assert [reply.heard for reply in result.replies] == ["Yes."] * 5
    # Two failures open it; the rest doubles, and each try but those costs nobody a wait.
    assert silent.count < 5


def test_where_all_models_are_silent_the_caller_hears_an_apology():
    agent = Agent("x", apology="I lost my train of thought.")
    talk = Talk(agent, llm=LlmChain([Mute(), Mute()], PATIENCE))
    talk.user("hello")
    reply = talk.run().replies[0]
    assert (reply.status, reply.heard) == ("failed", agent.apology)


def test_a_model_that_stops_in_mid_sentence_is_apologized_for_and_not_repeated():
    agent = Agent("x")
    good = ScriptedLlm({"": "Something else."})
    talk = Talk(agent, llm=LlmChain([Mute("Well, I think. "), good], PATIENCE))
    talk.user("hello")
    reply = talk.run().replies[0]
    assert reply.heard == f"Well, I think. {agent.apology}"
    assert not good.asked


def test_a_voice_that_falls_silent_is_replaced_and_only_the_first_gets_the_voices_name():
    silent, other = MuteVoice(), MuteVoice(pieces=1)
    agent = Agent("x", voice="nova")
    voices = TtsChain([silent, other, SteadyVoice()], PATIENCE)
    talk = Talk(agent, llm={"": "Hello."}, tts=voices)
    talk.user("hello")
    talk.run()
    assert silent.names[0] == "nova" and set(other.names) == {None}


# ---- by themselves -------------------------------------------------------------------------------


async def test_another_recogniser_hears_the_utterance_from_its_beginning():
    silent, good = DeafEar(None), DeafEar("what time is it")
    stream = SttChain([silent, good], SOON).open("en", lambda _: None)
    stream.feed(bytes(640))
    stream.feed(bytes(640))
    assert (await stream.finish()).text == "what time is it"
    assert good.fed == 1280
    stream.feed(bytes(640))
    assert (await stream.finish()).text == "what time is it"
    assert good.fed == 1920


async def test_the_last_recogniser_that_falls_silent_says_so():
    stream = SttChain([DeafEar(None)], SOON).open("en", lambda _: None)
    with pytest.raises(EngineError, match="gave nothing") as raised:
        await stream.finish()
    assert raised.value.code == "engine_stalled"


async def test_of_a_chain_one_that_starts_is_enough():
    chain = LlmChain([Gone(""), ScriptedLlm({"": "Here."})], PATIENCE)
    await chain.warm()
    async with aclosing(chain.reply([{"role": "user", "content": "x"}], [])) as parts:
        first = await anext(parts)
    assert first == TextDelta("Here.")


async def test_a_chain_of_which_none_starts_says_why():
    with pytest.raises(EngineError, match="not there"):
        await LlmChain([Gone(""), Gone("")], PATIENCE).warm()


async def test_a_wrong_setting_of_any_is_told():
    with pytest.raises(ConfigError, match="choose a model"):
        await LlmChain([ScriptedLlm(""), Wrong("")], PATIENCE).warm()


async def test_what_leaves_the_machine_by_any_leaves_it():
    far = SteadyVoice()
    far.info = EngineInfo("far", "tts", "example.org", leaves_machine=True)
    info = TtsChain([SteadyVoice(), far], PATIENCE).info
    assert info.leaves_machine and not info.marks


async def test_chains_conform():
    patience = Patience()
    await conformance.check_tts(TtsChain([SteadyVoice(), SteadyVoice()], patience))
    await conformance.check_llm(LlmChain([ScriptedLlm({"": "Hello."})], patience))
