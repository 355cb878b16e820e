"""A speech-to-speech model in a session: one endless dialogue over connections that end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import structlog

from ..engines.base import (
    Answered,
    Dialogue,
    Opening,
    SpeechToSpeech,
    Spoken,
    ToolCall,
    UserSpeaks,
    UserTurn,
    UserWords,
)
from ..errors import EngineError
from ..protocol import facts as f
from ..protocol.ids import fresh
from ..protocol.items import Item
from ..values import Audio
from .alignment import Alignment
from .brain import Ask, Brain, instructed
from .live import Source, Voiced

if TYPE_CHECKING:
    from .session import Session

log = structlog.get_logger("talkover.duplex")

RATE = 24000
WAITS_S = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Before each try to connect; the last one again and again, after an apology."""
MOST_WAITING = 500
"""Frames of 20 ms that are kept for the next connection."""
MOST_PIECES = 512
PIECE_S = 1.0
"""Sound that waits is put together in pieces of this, so that an answer of minutes fits."""
RENEW_S = 60.0
"""So long before the provider would hang up, the first silence is used for a new connection."""
RENEW_SHARE = 0.25
"""For sessions that are short themselves: that share of them at most."""
LOOK_S = 0.25
STEADY_S = 2.0
"""A provider that hangs up sooner is in no state to be called again at once."""


def floor_holder(session: Session) -> AsyncGenerator[Any] | None:
    """Who speaks without turns: the speech-to-speech model, or the agent's own `@agent.live`."""
    cast = session.cast
    if cast.s2s is not None:
        return Duplex(session, cast.s2s).said()
    return None if cast.agent.on_live is None else cast.agent.on_live(session.facade)


class Duplex:
    """Belongs to one session. The provider's sessions end when it likes; this one does not."""

    def __init__(self, session: Session, model: SpeechToSpeech) -> None:
        self._session, self._model = session, model
        self._dialogue: Dialogue | None = None
        self._before: deque[bytes] = deque(maxlen=MOST_WAITING)
        """Heard while there is no connection."""
        self._pieces: deque[Voiced] = deque()
        self._more, self._room = asyncio.Event(), asyncio.Event()
        self._source: Source | None = None
        self._alignment = Alignment()
        self._turns: dict[str, str] = {}
        """The model's names of the user's items → ours."""
        self._owed = False
        """The user has spoken and is not answered yet."""
        self._calling = self._tries = 0

    async def said(self) -> AsyncGenerator[Voiced]:
        session = self._session
        session.spawn(self._hear(), "speech to speech: hear")
        session.spawn(self._go_on(), "speech to speech")
        try:
            while True:
                while self._pieces:
                    piece = self._pieces.popleft()
                    self._room.set()
                    yield piece
                self._more.clear()
                await self._more.wait()
        finally:
            await self._hang_up()

    # ---- connections -----------------------------------------------------------------------------

    async def _go_on(self) -> None:
        greeting = self._session.cast.agent.greeting
        try:
            while not self._session.ended:
                dialogue = await self._connect()
                if greeting and not self._session.conversation.items:
                    await dialogue.ask(f"Say exactly this and nothing else: {greeting}")
                elif self._owed and not self._calling:
                    await dialogue.ask()
                began = asyncio.get_running_loop().time()
                await self._follow(dialogue)
                if asyncio.get_running_loop().time() - began >= STEADY_S:
                    self._tries = 0
                else:
                    self._again()
        finally:
            await self._hang_up()

    async def _connect(self) -> Dialogue:
        session = self._session
        agent = session.cast.agent
        while True:
            await asyncio.sleep(WAITS_S[min(self._tries, len(WAITS_S) - 1)])
            opening = Opening(
                await instructed(session.config.instructions or agent.instructions, session.facade),
                [tool.chat_schema() for tool in agent.tools.values()],
                session.conversation.messages(),
                agent.voice,
                agent.language,
            )
            try:
                self._dialogue = dialogue = await self._model.open(opening)
            except EngineError as error:
                log.warning("no dialogue", session=session.id, error=error.message)
                if self._tries in (0, len(WAITS_S) - 1):
                    session.emit(f.Failed("server_error", error.code, error.message))
                self._again()
                continue
            while self._before:
                dialogue.feed(self._before.popleft())
            return dialogue

    def _again(self) -> None:
        """One more try that came to nothing."""
        self._tries += 1
        if self._tries == len(WAITS_S):
            self._session.apologize()

    async def _follow(self, dialogue: Dialogue) -> None:
        """Until it ends, or is about to and nobody speaks."""
        renewal: asyncio.TimerHandle | None = None
        if dialogue.lasts_s is not None:
            loop = asyncio.get_running_loop()
            early = min(RENEW_S, dialogue.lasts_s * RENEW_SHARE)
            renewal = loop.call_later(max(0.0, dialogue.lasts_s - early), self._renew, dialogue)
        try:
            async for event in dialogue.events():
                await self._take(event)
        except EngineError as error:
            log.warning("a dialogue ended", session=self._session.id, error=error.message)
            if error.code != "engine_gone":
                self._session.emit(f.Failed("server_error", error.code, error.message))
                self._owed = False
                self._session.apologize()
        finally:
            if renewal is not None:
                renewal.cancel()
            self._finish_item()
            await self._hang_up()

    def _renew(self, dialogue: Dialogue) -> None:
        if dialogue is not self._dialogue:
            return
        if self._session.quiet and not self._owed and not self._pieces:
            self._session.spawn(self._hang_up(), "speech to speech: renew")
        else:
            asyncio.get_running_loop().call_later(LOOK_S, self._renew, dialogue)

    async def _hang_up(self) -> None:
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            await dialogue.close()

    # ---- both directions -------------------------------------------------------------------------

    async def _hear(self) -> None:
        async for frame in self._session.audio():
            if self._dialogue is None:
                self._before.append(frame.data)
            else:
                self._dialogue.feed(frame.data)

    async def _take(self, event: object) -> None:
        hearing = self._session.hearing
        match event:
            case Spoken(item, pcm, text):
                await self._spoken(item, pcm, text)
            case UserSpeaks():
                await self._give_way()
            case UserTurn(item):
                self._turns[item] = hearing.place()
                self._owed = True
            case UserWords(item, text) if item in self._turns:
                hearing.worded(self._turns.pop(item), text, 0.0)
            case ToolCall():
                self._finish_item()
                self._session.spawn(self._call(event), f"tool {event.name}")
            case Answered():
                self._owed = False
                self._finish_item()
            case _:
                pass

    async def _spoken(self, item: str, pcm: bytes, text: str) -> None:
        if self._source is None or self._source.id != item:
            self._finish_item()
            self._source, self._alignment = Source(item), Alignment()
        source = self._source
        if source.over:
            return
        self._alignment.words(text)
        if pcm:
            ms = len(pcm) / 2 * 1000 / RATE
            source.given_ms += ms
            await self._put(Voiced(Audio(pcm, RATE), self._alignment.sound(ms), source))

    def _finish_item(self) -> None:
        source = self._source
        if source is None or source.over or source.complete:
            return
        source.complete = True
        self._pieces.append(Voiced(Audio(b"", RATE), self._alignment.rest(), source, last=True))
        self._more.set()

    async def _put(self, piece: Voiced) -> None:
        last = self._pieces[-1] if self._pieces else None
        if last and last.source is piece.source and not last.last and last.audio.seconds < PIECE_S:
            sound = Audio(last.audio.data + piece.audio.data, RATE)
            self._pieces[-1] = Voiced(sound, last.text + piece.text, piece.source)
            return
        while len(self._pieces) >= MOST_PIECES:
            self._room.clear()
            await self._room.wait()
        self._pieces.append(piece)
        self._more.set()

    async def _give_way(self) -> None:
        """The user has the floor; the model is told how far it was heard."""
        source = self._source
        self._pieces.clear()
        self._room.set()
        if source is None or source.over:
            return
        source.over = True
        await self._session.interrupt()
        if source.heard_ms < source.given_ms and self._dialogue is not None:
            await self._dialogue.truncate(source.id, round(source.heard_ms))

    async def _call(self, call: ToolCall) -> None:
        """Run one of the agent's tools; the result stays in the conversation."""
        session = self._session
        sure = asyncio.Event()
        sure.set()
        ask = Ask("", [], conversation=session.conversation)
        brain = Brain(session, ask, session.emit, sure)
        self._calling += 1
        try:
            step = f.ToolStep(call.id, call.name, call.arguments, "planned")
            output = await brain.run_tool(step)
        finally:
            self._calling -= 1
        asked = Item(
            fresh("item"), "function_call",
            name=call.name, call_id=call.id, arguments=call.arguments,
        )  # fmt: skip
        given = Item(fresh("item"), "function_call_output", call_id=call.id, output=output)
        session.conversation.add(asked, hidden=True)
        session.conversation.add(given, hidden=True)
        self._owed = True
        dialogue = self._dialogue
        if dialogue is not None:
            await dialogue.result(call.id, output)
