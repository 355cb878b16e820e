"""A speech-to-speech model in a session: one endless dialogue over connections that end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import structlog

from ..engines.base import (
    Answered,
    CallsCancelled,
    Dialogue,
    Ends,
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
from .conversation import chat_messages, with_picture
from .live import ClientCall, Live, Piece, Said, Source, Voiced
from .making import functions

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
ANSWER_S = 30.0
"""A reply that a client asked for waits so long for its first sound, tools and new connections
included."""


def floor_holder(session: Session) -> AsyncGenerator[Any] | None:
    """Who speaks without turns: the speech-to-speech model, or the agent's own `@agent.live`."""
    if session.duplex is not None:
        return session.duplex.said()
    on_live = session.cast.agent.on_live
    return None if on_live is None else on_live(session.facade)


class Duplex:
    """Belongs to one session. The provider's sessions end when it likes; this one does not."""

    def __init__(self, session: Session, model: SpeechToSpeech) -> None:
        self._session, self._model = session, model
        self._dialogue: Dialogue | None = None
        self._before: deque[bytes] = deque(maxlen=MOST_WAITING)
        """Heard while there is no connection."""
        self._pieces: deque[Piece] = deque()
        self._more, self._room = asyncio.Event(), asyncio.Event()
        self._source: Source | None = None
        self._alignment = Alignment()
        self._turns: dict[str, str] = {}
        """The model's names of the user's items → ours."""
        self._owed = False
        """The user has spoken and is not answered yet."""
        self._running: dict[str, asyncio.Task[Any] | None] = {}
        """Calls whose results are not there yet; None: the client runs it."""
        self._resume: str | None = None
        self._behind = False
        """The conversation has what the last dialogue was not told."""
        self._settings: tuple[str, list[dict[str, Any]]] = ("", [])
        """Instructions and tools that the dialogue has."""
        self._telling = asyncio.Lock()
        self._renewal: asyncio.TimerHandle | None = None
        self._began = 0.0
        self._left = False
        """It is hung up on for what it cannot be told, not for how it is."""
        self._tries = 0

    async def said(self) -> AsyncGenerator[Piece]:
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

    # ---- what the session asks of it -------------------------------------------------------------

    async def answer(self, instructions: str | None, live: Live) -> AsyncGenerator[Said]:
        """What the model says, asked to speak."""
        self._owed = True
        await self._tell(lambda dialogue: dialogue.ask(instructions))
        async for piece in live.burst(ANSWER_S):
            yield piece

    def written(self, item: Item) -> None:
        """An item came into the conversation that nobody spoke."""
        self._session.spawn(self._write(item), "speech to speech: write")

    def updated(self) -> None:
        """Instructions or tools may be others now."""
        self._session.spawn(self._update(), "speech to speech: update")

    async def stop(self) -> None:
        """Fall silent; the model is told how far it was heard."""
        source, self._owed = self._source, False
        self._forget_clients()
        self._pieces.clear()
        self._room.set()
        if source is not None:
            source.over = True
        await self._session.interrupt()
        cut = source is not None and source.heard_ms < source.given_ms
        item, heard_ms = (source.id, round(source.heard_ms)) if cut and source else (None, 0)
        await self._tell(lambda dialogue: dialogue.truncate(item, heard_ms))

    # ---- connections -----------------------------------------------------------------------------

    async def _go_on(self) -> None:
        try:
            while not self._session.ended:
                await self._follow(await self._connect())
                if self._left or asyncio.get_running_loop().time() - self._began >= STEADY_S:
                    self._tries = 0
                else:
                    name = self._model.info.name
                    self._again(EngineError(f"{name} hangs up again and again."))
        finally:
            await self._hang_up()

    async def _connect(self) -> Dialogue:
        session = self._session
        while True:
            await asyncio.sleep(WAITS_S[min(self._tries, len(WAITS_S) - 1)])
            settings = await self._wanted()
            # Of what was said since its last state a resumed one knows nothing.
            resume = None if self._behind or self._owed or self._running else self._resume
            agent, history = session.cast.agent, session.conversation.messages()
            opening = Opening(*settings, history, agent.voice, agent.language, resume)
            self._behind = self._left = False
            try:
                dialogue = await self._model.open(opening)
            except EngineError as error:
                log.warning("no dialogue", session=session.id, error=error.message)
                if self._tries == 0:
                    session.emit(f.Failed("server_error", error.code, error.message))
                self._behind = True
                self._again(error)
                continue
            self._dialogue, self._settings = dialogue, settings
            self._began = asyncio.get_running_loop().time()
            if self._behind:
                # Something was written while it was connected.
                await self._hang_up()
                continue
            while self._before:
                dialogue.feed(self._before.popleft())
            self.updated()
            return dialogue

    def _again(self, error: EngineError) -> None:
        """One more try that came to nothing."""
        self._tries += 1
        if self._tries == len(WAITS_S):
            self._fail(error)

    def _fail(self, error: EngineError) -> None:
        """The reply that is spoken or waited for ends with an apology; else one is begun for it."""
        self._owed = False
        self._pieces.append(error)
        self._more.set()

    async def _follow(self, dialogue: Dialogue) -> None:
        """Until it ends, or is about to and nobody speaks."""
        greeting = self._session.cast.agent.greeting
        try:
            if greeting and not self._session.conversation.items:
                await dialogue.ask(f"Say exactly this and nothing else: {greeting}")
            elif self._owed and not self._running and self._session.machine.user == "silent":
                # Whoever speaks still is heard by this one, and answered.
                await dialogue.ask()
            async for event in dialogue.events():
                await self._take(event)
        except EngineError as error:
            log.warning("a dialogue ended", session=self._session.id, error=error.message)
            if error.code != "engine_gone":
                self._fail(error)
        finally:
            self._finish_item()
            await self._hang_up()

    def _plan(self, in_s: float) -> None:
        """It ends in so many seconds."""
        loop = asyncio.get_running_loop()
        whole = loop.time() - self._began + in_s
        early = min(RENEW_S, whole * RENEW_SHARE)
        self._stop_renewal()
        self._renewal = loop.call_later(max(0.0, in_s - early), self._renew)

    def _renew(self) -> None:
        """Take a new connection, as soon as nobody speaks."""
        busy = self._owed or self._pieces or self._running
        if self._session.quiet and not busy:
            self._session.spawn(self._hang_up(), "speech to speech: renew")
        else:
            self._renewal = asyncio.get_running_loop().call_later(LOOK_S, self._renew)

    def _stop_renewal(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None

    async def _hang_up(self) -> None:
        self._stop_renewal()
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            self._resume = dialogue.resume
            await dialogue.close()

    # ---- both directions -------------------------------------------------------------------------

    async def _hear(self) -> None:
        async for frame in self._session.audio():
            if self._dialogue is None:
                self._before.append(frame.data)
            else:
                self._dialogue.feed(frame.data)

    async def _tell(self, what: Callable[[Dialogue], Awaitable[None]]) -> None:
        """In the order in which it is called. Where nobody is there, the next one has it from the
        conversation."""
        async with self._telling:
            if self._dialogue is None:
                self._behind = True
                return
            try:
                await what(self._dialogue)
            except EngineError as error:
                if error.code != "engine_gone":
                    raise
                self._behind = True

    async def _write(self, item: Item) -> None:
        if item.type == "function_call_output":
            call_id = item.call_id or ""
            self._running.pop(call_id, None)
            items = self._session.conversation.whole
            asked = (i for i in items if i.type == "function_call" and i.call_id == call_id)
            for one in asked:
                call = ToolCall(call_id, one.name or "", one.arguments or "{}")
                await self._tell(lambda dialogue, c=call: dialogue.result(c, item.output or ""))
        for message in chat_messages([item]):
            await self._tell(lambda dialogue, message=message: dialogue.tell(message))

    async def _wanted(self) -> tuple[str, list[dict[str, Any]]]:
        session = self._session
        made = session.config.instructions or session.cast.agent.instructions
        return await instructed(made, session.facade), self._brain().offered

    async def _update(self) -> None:
        wanted = await self._wanted()
        if self._dialogue is None or wanted == self._settings:
            return
        self._settings = wanted
        if not await self._dialogue.update(*wanted):
            self._left = True
            self._renew()

    async def _take(self, event: object) -> None:
        hearing = self._session.hearing
        match event:
            case Spoken(item, pcm, text):
                await self._spoken(item, pcm, text)
            case UserSpeaks():
                if self._source is not None and not self._source.over:
                    await self.stop()
            case UserTurn(item):
                self._forget_clients()
                self._turns[item] = hearing.place()
                self._owed = True
            case UserWords(item, text) if item in self._turns:
                hearing.worded(self._turns.pop(item), text, 0.0)
            case ToolCall():
                self._call(event)
            case CallsCancelled(ids):
                for task in filter(None, (self._running.pop(id, None) for id in ids)):
                    task.cancel()
            case Answered():
                self._owed = False
                self._finish_item()
            case Ends(in_s):
                self._plan(in_s)
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

    def _finish_item(self, *, last: bool = True) -> None:
        source = self._source
        if source is None or source.over or source.complete:
            return
        source.complete = True
        self._pieces.append(Voiced(Audio(b"", RATE), self._alignment.rest(), source, last=last))
        self._more.set()

    async def _put(self, piece: Voiced) -> None:
        last = self._pieces[-1] if self._pieces else None
        if (
            isinstance(last, Voiced)
            and last.source is piece.source
            and not last.last
            and last.audio.seconds < PIECE_S
        ):
            sound = Audio(last.audio.data + piece.audio.data, RATE)
            self._pieces[-1] = Voiced(sound, last.text + piece.text, piece.source)
            return
        while len(self._pieces) >= MOST_PIECES:
            self._room.clear()
            await self._room.wait()
        self._pieces.append(piece)
        self._more.set()

    # ---- tools -----------------------------------------------------------------------------------

    def _brain(self) -> Brain:
        """Of which the tools are used, the agent's and the client's."""
        session = self._session
        sure = asyncio.Event()
        sure.set()
        ask = Ask("", functions(session.config.tools), conversation=session.conversation)
        return Brain(session, ask, session.emit, sure)

    def _call(self, call: ToolCall) -> None:
        brain = self._brain()
        if brain.is_clients(call.name):
            # In the same reply as what was said before it.
            self._finish_item(last=False)
            self._running[call.id] = None
            self._pieces.append(ClientCall(call.id, call.name, call.arguments))
            self._more.set()
        else:
            self._finish_item()
            self._session.spawn(self._run(brain, call), f"tool {call.name}")

    def _forget_clients(self) -> None:
        """The conversation went on: nobody waits for what a client may never answer."""
        self._running = {id: task for id, task in self._running.items() if task is not None}

    async def _run(self, brain: Brain, call: ToolCall) -> None:
        """Run one of the agent's tools; the result stays in the conversation."""
        session = self._session
        self._running[call.id] = asyncio.current_task()
        try:
            step = f.ToolStep(call.id, call.name, call.arguments, "planned")
            output = await brain.run_tool(step)
        finally:
            self._running.pop(call.id, None)
        asked = Item(
            fresh("item"), "function_call",
            name=call.name, call_id=call.id, arguments=call.arguments,
        )  # fmt: skip
        given = Item(fresh("item"), "function_call_output", call_id=call.id, output=output)
        session.conversation.add(asked, hidden=True)
        session.conversation.add(given, hidden=True)
        self._owed = True
        for picture in with_picture([], brain.seen):
            await self._tell(lambda dialogue, picture=picture: dialogue.tell(picture))
        await self._tell(lambda dialogue: dialogue.result(call, output))
        if not self._running:
            await self._tell(lambda dialogue: dialogue.ask())
