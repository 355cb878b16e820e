"""Engines for tests: they know what will be said, and take exactly the time that they are told.

All three implement the protocols of `engines/base.py`; delays are seconds of the loop's clock.
"""

from __future__ import annotations

import array
import asyncio
import json
import random
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..engines.base import EngineInfo, Speech, TextDelta, ToolCall, Usage, Words
from ..errors import EngineError
from ..session.past import LATER

SECONDS_PER_CHARACTER = 0.065
RATE = 24000
LOUD = 8000

_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word that the caller says, on the loop's clock."""

    word: str
    begin: float
    end: float


class ScriptedEar:
    """Speech recognition that is told what is being said.

    A word is understood `partial` seconds after it ended, the final words `final` seconds after
    they were asked for.
    """

    def __init__(self, *, partial: float = 0.12, final: float = 0.08) -> None:
        self.info = EngineInfo("scripted ear", "stt", demo=True, partials=True)
        self.partial, self.final = partial, final
        self._streams: list[EarStream] = []

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def open(self, language: str, on_words: Callable[[Words], None]) -> EarStream:
        stream = EarStream(self, on_words)
        self._streams.append(stream)
        return stream

    def say(self, words: Sequence[Spoken]) -> None:
        """The caller is going to say this."""
        for stream in self._streams:
            stream.say(words)

    def forget(self, stream: EarStream) -> None:
        self._streams.remove(stream)


class EarStream:
    def __init__(self, ear: ScriptedEar, on_words: Callable[[Words], None]) -> None:
        self._ear, self._on_words = ear, on_words
        self._loop = asyncio.get_running_loop()
        self._words: list[Spoken] = []
        self._told = ""
        self._timers: list[asyncio.TimerHandle] = []

    def say(self, words: Sequence[Spoken]) -> None:
        self._words += words
        self._timers = [timer for timer in self._timers if timer.when() > self._loop.time()]
        for word in words:
            self._timers.append(self._loop.call_at(word.end + self._ear.partial, self._tell))

    def feed(self, pcm: bytes) -> None:
        pass

    async def finish(self) -> Words:
        said = self._said()
        await asyncio.sleep(self._ear.final)
        if self._said().startswith(said):
            # What is final is not told again as partial.
            self._told = said
        return Words(said, final=True)

    def reset(self) -> None:
        now = self._loop.time()
        self._told = ""
        self._words = [word for word in self._words if word.end > now]

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._ear.forget(self)

    def _said(self) -> str:
        now = self._loop.time()
        return " ".join(word.word for word in self._words if word.end <= now)

    def _tell(self) -> None:
        said = self._said()
        if said != self._told:
            self._told = said
            self._on_words(Words(said, final=False))


class SteadyVoice:
    """Speech synthesis at a fixed pace with exact word marks; its sound is a steady level."""

    def __init__(self, *, first: float = 0.05, pace: float = SECONDS_PER_CHARACTER) -> None:
        self.info = EngineInfo("steady voice", "tts", demo=True, marks=True)
        self.first, self.pace = first, pace

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        await asyncio.sleep(self.first)
        starts = [match.start() for match in _WORD.finditer(text)]
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
            samples = round((end - start) * self.pace / speed * RATE)
            yield Speech(_hiss(samples), RATE, ((0, start),))


@cache
def _hiss(samples: int) -> bytes:
    """Noise of a steady level: nobody takes a caller for its echo, as they might over a tone."""
    chance = random.Random(samples)
    return array.array("h", chance.choices((-LOUD, LOUD), k=samples)).tobytes()


@dataclass(frozen=True, slots=True)
class Call:
    """The scripted model calls a tool, as in `Call("weather", {"city": "Paris"})`."""

    name: str
    arguments: Mapping[str, Any]


Part = str | Call | Exception
Answer = Part | Sequence[Part]
"""What follows a `Call` is said when its result is there; "{result}" in it stands for that. The
result of a tool in the background is answered as if the user had said it."""
Answers = Mapping[str, Answer] | Callable[[list[dict[str, Any]]], Answer]


class ScriptedLlm:
    """A model that answers by script.

    `answers` maps patterns (searched in the user's last words, whatever their case) to answers; the
    first that fits counts, and one for "" fits always. Or it is a function of the messages. Each
    answer begins after `first` seconds and comes a word every `pace` seconds. `asked` keeps the
    messages of each request. `aside`: what to say at once to words still being spoken.
    """

    def __init__(
        self,
        answers: Answers,
        *,
        first: float = 0.2,
        pace: float = 0.02,
        aside: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self.info = EngineInfo("scripted model", "llm", demo=True)
        self.answers, self.first, self.pace = answers, first, pace
        self.asked: list[list[dict[str, Any]]] = []
        self._aside = aside
        self._calls = 0

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def while_speaking(self, words: str) -> str | None:
        return self._aside(words)

    async def reply(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]],
        *,
        tool_choice: Any = "auto",
        max_tokens: int | None = None,
    ) -> AsyncGenerator[TextDelta | ToolCall | Usage]:
        self.asked.append(messages)
        await asyncio.sleep(self.first)
        written = 0
        for part in self._parts(messages):
            match part:
                case str():
                    for token in re.findall(r"\s*\S+\s*", part):
                        yield TextDelta(token)
                        written += 1
                        await asyncio.sleep(self.pace)
                case Call(name, arguments):
                    self._calls += 1
                    yield ToolCall(f"call_{self._calls}", name, json.dumps(arguments))
                case Exception():
                    raise part
        yield Usage(sum(len(str(message["content"]).split()) for message in messages), written)

    def _parts(self, messages: list[dict[str, Any]]) -> list[Part]:
        """The part of the answer whose turn it is, after as many tool rounds as there were."""
        since = messages[_last(messages, "user") :]
        if _came_by_itself(messages):
            answer = self._answer([*messages, {"role": "user", "content": messages[-1]["content"]}])
            return _with_result(_rounds(answer)[0], str(messages[-1]["content"]))
        rounds = _rounds(self._answer(messages))
        done = sum("tool_calls" in message and not _is_later(message) for message in since)
        results = [str(message["content"]) for message in since if message["role"] == "tool"]
        result = results[-1] if results else ""
        return _with_result(rounds[done] if done < len(rounds) else [], result)

    def _answer(self, messages: list[dict[str, Any]]) -> Answer:
        if callable(self.answers):
            return self.answers(messages)
        place = _last(messages, "user")
        said = _text(messages[place]["content"]) if place < len(messages) else ""
        for pattern, answer in self.answers.items():
            if re.search(pattern, said, re.IGNORECASE):
                return answer
        raise EngineError(f"No answer is scripted for {said!r}; give the model one for it.")


def _came_by_itself(messages: list[dict[str, Any]]) -> bool:
    """The last is the result of a tool in the background, which nobody waited for."""
    return messages[-1]["role"] == "tool" and messages[-1]["tool_call_id"].endswith(LATER)


def _is_later(message: dict[str, Any]) -> bool:
    return all(call["id"].endswith(LATER) for call in message["tool_calls"])


def _with_result(parts: list[Part], result: str) -> list[Part]:
    return [p.replace("{result}", result) if isinstance(p, str) else p for p in parts]


def _rounds(answer: Answer) -> list[list[Part]]:
    """An answer, cut behind its calls."""
    parts = [answer] if isinstance(answer, (str, Call, Exception)) else answer
    rounds: list[list[Part]] = [[]]
    for part in parts:
        last = rounds[-1]
        if last and isinstance(last[-1], Call) and not isinstance(part, Call):
            rounds.append([])
        rounds[-1].append(part)
    return rounds


def _last(messages: list[dict[str, Any]], role: str) -> int:
    """The place of the last message of a role that says something (a picture alone does not);
    behind all of them where there is none."""
    fits = [m["role"] == role and _text(m["content"]) != "" for m in messages]
    places = [n for n, fit in enumerate(fits) if fit]
    return places[-1] if places else len(messages)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) for part in content)
