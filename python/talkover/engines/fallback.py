"""Engines behind one another: where one fails before its first piece, the next one takes over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Any, Generic, TypeVar

import structlog

from ..errors import EngineError, TalkoverError
from .base import (
    Engine,
    EngineInfo,
    Llm,
    Speech,
    Stt,
    SttStream,
    TextDelta,
    ToolCall,
    Tts,
    Usage,
    Words,
)
from .breaker import Breaker
from .deadline import Patience, engine_stalled, timely, within

log = structlog.get_logger("talkover.fallback")

E = TypeVar("E", bound=Engine)
P = TypeVar("P")


class Member(Generic[E]):
    """One engine of a chain and its health."""

    def __init__(self, engine: E) -> None:
        self.engine, self.breaker = engine, Breaker()
        self.name = engine.info.name

    @contextmanager
    def tried(self) -> Generator[Callable[[], None]]:
        """Around one use of it; call what this gives once it has shown that it works."""
        now = asyncio.get_running_loop().time
        self.breaker.begin(now())
        proven = False

        def prove() -> None:
            nonlocal proven
            if not proven:
                proven = True
                self.breaker.worked()

        try:
            yield prove
        except EngineError as error:
            proven = True
            self.breaker.failed(now())
            log.warning("an engine failed", engine=self.name, error=error.message)
            raise
        finally:
            if not proven:
                self.breaker.gave_up()


class Chain(Generic[E]):
    """What chains of all roles have in common; its info is what holds for every engine in it."""

    def __init__(self, engines: Sequence[E], patience: Patience) -> None:
        self._members = [Member(engine) for engine in engines]
        self._patience = patience

    @property
    def info(self) -> EngineInfo:
        infos = self.infos
        return replace(
            infos[0],
            leaves_machine=any(info.leaves_machine for info in infos),
            marks=all(info.marks for info in infos),
            partials=all(info.partials for info in infos),
            openai_voices=all(info.openai_voices for info in infos),
            languages=_of_all([info.languages for info in infos if info.languages]),
        )

    @property
    def infos(self) -> list[EngineInfo]:
        return [member.engine.info for member in self._members]

    async def warm(self) -> None:
        """EngineError where not one of them can be used; ConfigError of any is raised."""
        results = await asyncio.gather(
            *(member.engine.warm() for member in self._members), return_exceptions=True
        )
        errors: list[BaseException] = []
        for member, result in zip(self._members, results, strict=True):
            if result is None:
                continue
            if isinstance(result, TalkoverError) and not isinstance(result, EngineError):
                raise result
            errors.append(result)
            if len(self._members) > 1:
                log.error("an engine cannot be used", engine=member.name, error=str(result))
                member.breaker.trip(asyncio.get_running_loop().time())
        if len(errors) == len(self._members):
            raise errors[0]

    async def close(self) -> None:
        await asyncio.gather(*(member.engine.close() for member in self._members))

    def order(self) -> list[Member[E]]:
        """Whom to ask, one after the other: the healthy ones; where none is, all of them, those
        first that have rested longest."""
        now = asyncio.get_running_loop().time()
        ready = [member for member in self._members if member.breaker.admits(now)]
        return ready or sorted(self._members, key=lambda m: m.breaker.rests_until or 0.0)

    async def first_that_works(
        self, ask: Callable[[Member[E]], AsyncGenerator[P]]
    ) -> AsyncGenerator[P]:
        """The pieces of the first engine that gives one; what fails later is raised."""
        order = self.order()
        for place, member in enumerate(order):
            another = place + 1 < len(order)
            begun = False
            first_s = self._patience.first_s(another)
            stream = timely(ask(member), engine_stalled(member.name), first_s, self._patience.gap_s)
            try:
                with member.tried() as prove:
                    async with aclosing(stream):
                        async for piece in stream:
                            begun = True
                            prove()
                            yield piece
                    prove()
                return
            except EngineError:
                if begun or not another:
                    raise


def _of_all(languages: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Those that every engine knows that says what it knows."""
    first, *others = languages or [()]
    return tuple(one for one in first if all(one in known for known in others))


class LlmChain(Chain[Llm]):
    def while_speaking(self, words: str) -> str | None:
        return self.order()[0].engine.while_speaking(words)

    def reply(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]],
        *,
        tool_choice: Any = "auto",
        max_tokens: int | None = None,
    ) -> AsyncGenerator[TextDelta | ToolCall | Usage]:
        return self.first_that_works(
            lambda member: member.engine.reply(
                messages, tools, tool_choice=tool_choice, max_tokens=max_tokens
            )
        )


class TtsChain(Chain[Tts]):
    """A voice's name is the first one's; the others speak with the voice that they were given."""

    def speak(
        self, text: str, *, voice: str | None, language: str, speed: float = 1.0
    ) -> AsyncGenerator[Speech]:
        def ask(member: Member[Tts]) -> AsyncGenerator[Speech]:
            name = voice if member is self._members[0] else None
            return member.engine.speak(text, voice=name, language=language, speed=speed)

        return self.first_that_works(ask)


class SttChain(Chain[Stt]):
    def open(self, language: str, on_words: Callable[[Words], None]) -> SttChainStream:
        return SttChainStream(self, lambda stt: stt.open(language, on_words), self._patience)


class SttChainStream:
    """Keeps the utterance, so that another recogniser can hear it from its beginning."""

    def __init__(
        self, chain: SttChain, open: Callable[[Stt], SttStream], patience: Patience
    ) -> None:
        self._chain, self._open, self._patience = chain, open, patience
        self._sound = bytearray()
        self._member = chain.order()[0]
        self._stream = open(self._member.engine)

    def feed(self, pcm: bytes) -> None:
        self._sound += pcm
        self._stream.feed(pcm)

    async def finish(self) -> Words:
        others = [member for member in self._chain.order() if member is not self._member]
        while True:
            first_s = self._patience.first_s(bool(others))
            member = self._member
            try:
                with member.tried() as prove:
                    words = await within(
                        self._stream.finish(), engine_stalled(member.name), first_s
                    )
                    prove()
                    return words
            except EngineError:
                if not others:
                    raise
            self._take(others.pop(0))
            self._stream.feed(bytes(self._sound))

    def reset(self) -> None:
        self._sound.clear()
        best = self._chain.order()[0]
        if best is self._member:
            self._stream.reset()
        else:
            self._take(best)

    def close(self) -> None:
        self._stream.close()

    def _take(self, member: Member[Stt]) -> None:
        self._stream.close()
        self._member, self._stream = member, self._open(member.engine)
