"""One reply, one epoch: its text, its sound, its items, and its one end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from ..engines.base import Speech, Tts
from ..errors import EngineError, TalkoverError
from ..media.port import Peer
from ..protocol import facts as f
from ..protocol.ids import fresh
from ..protocol.items import Item, Part
from ..turn.heard import HeardTable, WordAt
from ..values import Audio, Image, Say
from .account import Stamps
from .brain import Piece, ToolRound
from .chunks import Chunker, speakable
from .conversation import Conversation
from .live import ClientCall, Source, Voiced
from .replying import REPLYING
from .unplayed import Rest, Unplayed

log = structlog.get_logger("talkover.reply")

CREDIT_MS = 2500
"""Sound that waits on the server for its time; a voice that is ahead waits for room."""
UNSURE_MS = 1000
"""A caller is missed after so long, and may have heard nothing of it."""
PIECES_AHEAD = 4
PIECES_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, and how."""

    tts: Tts
    fallback: Tts | None
    name: str | None
    language: str
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What was asked of a reply; `audio` is the protocol's object for its voice and format.

    `wire` makes the pieces that a leg without sound of its own is sent of PCM at 24 kHz; `packets`:
    each is an Opus packet.
    """

    metadata: dict[str, str] | None = None
    conversation: bool = True
    audio: dict[str, Any] | None = None
    most_tokens: int | None = None
    wire: Callable[[bytes], Sequence[bytes]] = lambda pcm: (pcm,)
    packets: bool = False


class Desk(Protocol):
    """What a reply needs of its session."""

    def emit(self, fact: f.Fact) -> None: ...
    def clock(self) -> float: ...
    def reply_made(self, reply: Reply) -> None: ...
    async def told(self) -> None: ...
    async def show(self, image: Image) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Line:
    """To be spoken: characters of `item`'s transcript from `start` on, or a sound; or a picture to
    be shown once all before it has been given to the playout."""

    item: str
    start: int
    text: str
    sound: Audio | None = None
    picture: Image | None = None
    guarded: bool = False
    source: Source | None = None


class Reply:
    """Runs as one task. `peer` None: no sound, the words go out as text.

    The session calls `close` exactly once, but for one that was only prepared: that is cancelled,
    and nobody hears of it. A reply is withheld while it may be thought up and spoken, but not
    heard; one that is `prepared` begins withheld, and keeps its facts to itself too.
    """

    def __init__(
        self,
        desk: Desk,
        peer: Peer | None,
        voice: Voice,
        conversation: Conversation,
        *,
        epoch: int,
        apology: str,
        stamps: Stamps,
        terms: Terms,
        prepared: bool = False,
    ) -> None:
        self.id = fresh("resp")
        self.epoch = epoch
        self.stamps = stamps
        self.sounded = False
        self.made = False
        self.over = asyncio.Event()
        self.error: tuple[str, str, str] | None = None
        self.usage: dict[str, int] = {}
        self._voiceless: EngineError | None = None
        self.heard = ""
        self._desk, self._peer, self._voice, self._talk = desk, peer, voice, conversation
        self._apology, self._terms, self._kept = apology, terms, terms.conversation
        self._table = HeardTable()
        self._untold: list[f.Fact] | None = [] if prepared else None
        self._confirmed = asyncio.Event()
        self._withheld = prepared
        if not prepared:
            self._confirmed.set()
        self._queued = False
        self._unplayed = Unplayed()
        self._from = Rest(0.0, 0, [])
        """Where its peer began; what that tells of places and words counts from there."""
        self._sent = self._told_ms = self._begun_ms = 0.0
        self._begun_at: float | None = None
        self._limits: dict[str, int] = {}
        self._guarded = self._peer_guarded = False
        self._items: list[Item] = []
        self._sources: list[tuple[Source, float, float]] = []
        """What came with its own name, and from when to when it sounds."""
        self._previous: list[str | None] = []
        self._done: set[str] = set()
        self._open: str | None = None
        self._chunker = Chunker()
        self._cut_from = 0
        self._room = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._lines: asyncio.Queue[_Line | None] = asyncio.Queue(PIECES_AHEAD)

    @property
    def modality(self) -> f.Modality:
        return "text" if self._peer is None else "audio"

    @property
    def has_sound(self) -> bool:
        """Something was queued, though perhaps not to be heard yet."""
        return self._queued

    @property
    def confirmed(self) -> asyncio.Event:
        """Set once it is sure that this is the answer; tools with effects wait for it."""
        return self._confirmed

    def tell(self, fact: f.Fact) -> None:
        """Say a fact, or keep it until the reply is confirmed."""
        if self._untold is not None:
            self._untold.append(fact)
        else:
            self._desk.emit(fact)

    def confirm(self) -> None:
        """What was prepared is the answer."""
        untold, self._untold = self._untold or [], None
        for fact in untold:
            self._desk.emit(fact)
        self._confirmed.set()
        self.let_go()

    def withhold(self) -> None:
        """Not to be heard before `let_go`; too late where it was released already."""
        self._withheld = True

    def let_go(self) -> None:
        self._withheld = False
        if self._queued:
            self._release()

    def start(self, pieces: Callable[[], AsyncGenerator[Piece]]) -> None:
        terms = self._terms
        self.tell(
            f.ReplyCreated(
                self.id, self.modality, terms.metadata, self._kept,
                terms.audio if self.modality == "audio" else None, terms.most_tokens,
            )
        )  # fmt: skip
        self._tasks = [asyncio.create_task(self._run(pieces), name=f"reply {self.id}")]

    def cancel(self) -> None:
        """Stop thinking and speaking. The playout is the session's to flush."""
        # The inner ones too, so that none of them takes a step that was due already.
        for task in self._tasks:
            task.cancel()

    def room(self) -> None:
        """The playout has room again."""
        self._room.set()

    def word(self, index: int) -> WordAt | None:
        """A word that begins to sound, of those that its peer has."""
        self._begun_ms = self._table.word_began(self._from.word + index)
        self._begun_at = self._desk.clock()
        return self._table.word(self._from.word + index)

    @property
    def sentence_left_ms(self) -> float | None:
        """Until the sentence that is heard ends; None where that is unknown, or it is the last."""
        since = self._begun_at or self.stamps.audible
        if since is None or self._peer is None:
            return None
        return self._table.sentence_left(self._begun_ms + (self._desk.clock() - since) * 1000)

    def holds(self, item: str) -> bool:
        return any(own.id == item for own in self._items)

    def show(self, item: Item) -> None:
        """Begin an item of the Model Context Protocol, or end it, where it is a call that ran."""
        if self.holds(item.id):
            failed = item.mcp is not None and item.mcp.get("error") is not None
            self._update(item)
            phase = "failed" if failed else "completed"
            self.tell(f.McpCall(item.id, self._items.index(item), phase))
        else:
            self._add(item)
            if item.type == "mcp_call":
                index, arguments = self._items.index(item), (item.mcp or {})["arguments"]
                for done in (False, True):
                    self.tell(f.McpArguments(self.id, item.id, index, arguments, done))
                self.tell(f.McpCall(item.id, index, "in_progress"))
                return
        self._finish_item(item, complete=True)

    def move(self, peer: Peer, played_ms: float) -> None:
        """Go on at another peer, from where the last one had played `played_ms` of its part."""
        self._go_on(peer, self._from.began + played_ms)

    def come_back(self, peer: Peer) -> None:
        """Go on at another peer, where the last one was lost with a word half said: what it may
        have said to nobody is said again."""
        told = max(self._told_ms, self._begun_ms) - UNSURE_MS
        self._go_on(peer, max(self._from.began, told))

    def _go_on(self, peer: Peer, played_ms: float) -> None:
        if self._peer is None:
            return
        self._peer = peer
        if not self._queued:
            return
        rest = self._from = self._unplayed.rest(max(0.0, played_ms))
        self._told_ms = rest.began
        for sound in rest.sounds:
            peer.play(self.epoch, sound.pcm, sound.rate, sound.offsets, guarded=sound.guarded)
        self._room.set()
        if self.sounded:
            self.sounded = False
            self._release()

    def output(self, pcm: bytes) -> None:
        """The next of its sound is sent, 24 kHz."""
        item = self._table.item_at(self._told_ms)
        self._told_ms += len(pcm) / 48
        terms = self._terms
        for index, own in enumerate(self._items):
            if own.id == item:
                for sound in terms.wire(pcm):
                    self.tell(f.ReplyAudio(self.id, own.id, index, sound, terms.packets))

    def close(self, status: f.ReplyStatus, reason: str | None, played_ms: int) -> None:
        """Tell how it ended; only what was heard stays in the conversation."""
        played_ms += round(self._from.began)
        self.over.set()
        self.cancel()
        if self.error is not None:
            status = "failed"
        most = self._terms.most_tokens
        if status == "completed" and most and self.usage.get("output_tokens", 0) >= most:
            status, reason = "incomplete", "max_output_tokens"
        terms = self._terms
        audible = self.stamps.audible is not None
        cleared = status == "cancelled" and audible
        if cleared:
            self.tell(f.AudioCleared(self.id))
        for item in self._items:
            self._finish_item(item, complete=status not in ("cancelled", "incomplete"))
        self.tell(
            f.ReplyDone(
                self.id, status, reason, tuple(self._items), self.usage, self.modality,
                self.error, terms.metadata, self._kept,
                terms.audio if self.modality == "audio" else None, terms.most_tokens,
            )
        )  # fmt: skip
        if audible and not cleared:
            self.tell(f.AudioStopped(self.id))
        if self._peer is not None:
            played = played_ms if status == "cancelled" else self._table.length_ms
            # A client with a player of its own may be ahead of the clock, as far as it was sent.
            self._sent = max(played, self._told_ms)
            self._cut(status == "cancelled", played_ms)
        else:
            self.heard = " ".join(item.text for item in self._items)

    def leave(self) -> None:
        """Another process goes on: what was heard is told, to the last word begun, and no end."""
        self.over.set()
        self.cancel()
        for item in self._items:
            if self._peer is not None and item.type == "message":
                heard = self._table.heard(item.id, self._begun_ms)
                text = (item.content[0].transcript or "")[: heard.characters]
                self.tell(f.Heard(self.id, item.id, text, heard.played_ms, heard.exact))

    # ---- the task ------------------------------------------------------------------------------

    async def _run(self, pieces: Callable[[], AsyncGenerator[Piece]]) -> None:
        REPLYING.set(self.epoch)
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks.append(group.create_task(self._write(pieces())))
                if self._peer is not None:
                    self._tasks.append(group.create_task(self._speak()))
        except* Exception as errors:
            await self._fail(_first(errors))
        self.made = True
        if self.sounded and self._peer is not None:
            self._finish_sound()
        self._desk.reply_made(self)

    async def _write(self, pieces: AsyncGenerator[Piece]) -> None:
        written = 0
        async with aclosing(pieces) as stream:
            async for piece in stream:
                match piece:
                    case str():
                        await self._text(piece)
                        written += 1
                        # A model that never waits must keep neither its own first word nor others.
                        if written == 1:
                            await asyncio.sleep(0)
                        elif not written % PIECES_AT_ONCE:
                            await self._desk.told()
                    case Say(text, interruptions):
                        await self._flush()
                        self._guarded = interruptions == "no"
                        await self._text(text)
                        await self._flush()
                        self._guarded = False
                    case Audio():
                        await self._flush()
                        item = self._message()
                        await self._put(_Line(item.id, self._cut_from, "", piece))
                    case Voiced(audio, text, source):
                        if not source.over:
                            item, start = self._message(), self._cut_from
                            self._say(item, text)
                            self._cut_from += len(text)
                            await self._put(_Line(item.id, start, text, audio, source=source))
                    case Image():
                        await self._flush()
                        if self._peer is None:
                            await self._show(piece)
                        await self._put(_Line("", 0, "", picture=piece))
                    case ClientCall():
                        await self._flush()
                        self._function_call(piece)
                    case ToolRound():
                        await self._flush()
                        self._open, self._cut_from = None, 0
        await self._flush()
        await self._put(None)

    async def _text(self, text: str) -> None:
        if self._open is None:
            text = text.lstrip()
        if not text:
            return
        self._say(self._message(), text)
        for chunk in self._chunker.push(text):
            await self._line(chunk)

    def _say(self, item: Item, text: str) -> None:
        """Tell more words of an item."""
        if not text:
            return
        self.stamps.write(self._desk.clock())
        index = self._items.index(item)
        part = item.content[0]
        if self._peer is None:
            part = replace(part, text=(part.text or "") + text)
            self.tell(f.ReplyText(self.id, item.id, index, text))
        else:
            part = replace(part, transcript=(part.transcript or "") + text)
            self.tell(f.ReplyTranscript(self.id, item.id, index, text))
        self._update(replace(item, content=(part,)))

    async def _flush(self) -> None:
        for chunk in self._chunker.flush():
            await self._line(chunk)

    async def _line(self, chunk: str) -> None:
        self.stamps.line(self._desk.clock())
        assert self._open is not None
        line = _Line(self._open, self._cut_from, chunk, guarded=self._guarded)
        self._cut_from += len(chunk)
        await self._put(line)

    async def _put(self, line: _Line | None) -> None:
        if self._peer is not None:
            await self._lines.put(line)

    async def _speak(self) -> None:
        while (line := await self._lines.get()) is not None:
            if line.picture is not None:
                await self._show(line.picture)
                continue
            self._table.begin(line.item, line.start, line.text)
            self._peer_guarded = line.guarded
            if line.sound is not None:
                if line.source is not None:
                    began = self._table.length_ms
                    self._sources.append((line.source, began, began + line.sound.seconds * 1000))
                await self._play(line.sound.data, line.sound.rate, [])
            elif any(letter.isalnum() for letter in line.text):
                await self._speak_with(self._voice.tts, line.text)
            # Of what is only prepared, the first sentence is enough.
            await self._confirmed.wait()

    async def _show(self, picture: Image) -> None:
        await self._confirmed.wait()
        await self._desk.show(picture)

    async def _speak_with(self, tts: Tts, text: str) -> None:
        voice = self._voice
        stream = tts.speak(
            speakable(text), voice=voice.name, language=voice.language, speed=voice.speed
        )
        try:
            async with aclosing(stream) as chunks:
                async for speech in chunks:
                    marks = _marks(speech, len(text))
                    await self._play(speech.pcm, speech.rate, marks)
        except EngineError as error:
            self._voiceless = error
            raise

    async def _play(self, pcm: bytes, rate: int, marks: list[tuple[float, int]]) -> None:
        assert self._peer is not None
        if not pcm:
            return
        self.stamps.sound(pcm, rate, self._desk.clock())
        self._table.add(len(pcm) / 2 * 1000 / rate, marks)
        self._room.clear()
        offsets = [round(at * rate / 1000) for at, _ in marks]
        self._unplayed.add(pcm, rate, [at for at, _ in marks], self._peer_guarded)
        queued = self._peer.play(self.epoch, pcm, rate, offsets, guarded=self._peer_guarded)
        self._queued = True
        if not self._withheld:
            self._release()
        # Below zero: this peer has lost the call, and the next one gets it all.
        if queued >= 0:
            self._unplayed.queued(queued)
        if queued > CREDIT_MS:
            await self._room.wait()

    def _release(self) -> None:
        if self._peer is not None and not self.sounded:
            self.sounded = True
            self._peer.release(self.epoch)
            if self.made:
                self._finish_sound()

    def _finish_sound(self) -> None:
        assert self._peer is not None
        self._table.finish()
        self._peer.finish(self.epoch)

    async def _fail(self, error: BaseException) -> None:
        if isinstance(error, TalkoverError):
            kind = "server_error" if isinstance(error, EngineError) else "agent_error"
            message, code = error.message, error.code
            log.warning("a reply failed", reply=self.id, error=message)
        else:
            kind, code = "agent_error", "agent_error"
            message = f"The agent's reply raised {type(error).__name__}; see the server's log."
            log.error("a reply failed", reply=self.id, exc_info=error)
        self.error = (kind, code, message)
        self.tell(f.Failed(kind, code, message, stage=self._stage_of(error)))
        if self._peer is not None:
            await self._apologize()

    def _stage_of(self, error: BaseException) -> f.EngineStage | None:
        if not isinstance(error, EngineError):
            return None
        return "tts" if error is self._voiceless else "llm"

    async def _apologize(self) -> None:
        self._open, self._cut_from = None, 0
        self._chunker = Chunker()
        item = self._message()
        text = self._apology
        self._update(replace(item, content=(replace(item.content[0], transcript=text),)))
        index = len(self._items) - 1
        self.tell(f.ReplyTranscript(self.id, item.id, index, text))
        voices = (self._voice.tts, self._voice.fallback)
        # A voice that has just failed would be waited for again.
        for tts in filter(None, voices if self._voiceless is None else reversed(voices)):
            self._table.begin(item.id, 0, text)
            try:
                await self._speak_with(tts, text)
                return
            except Exception as error:
                log.warning(
                    "the apology could not be spoken", voice=tts.info.name, error=str(error)
                )

    # ---- items ---------------------------------------------------------------------------------

    def _message(self) -> Item:
        for item in self._items:
            if item.id == self._open:
                return item
        text = self._peer is None
        part = Part("output_text", text="") if text else Part("output_audio", transcript="")
        item = Item(fresh("item"), "message", "assistant", (part,), status="in_progress")
        self._open, self._cut_from = item.id, 0
        self._add(item)
        return item

    def _function_call(self, call: ClientCall) -> None:
        item = Item(
            fresh("item"), "function_call", status="in_progress",
            name=call.name, call_id=call.call_id, arguments="",
        )  # fmt: skip
        self._add(item)
        index = len(self._items) - 1
        self.tell(f.ReplyArguments(self.id, item.id, index, call.call_id, call.arguments))
        self._update(replace(item, arguments=call.arguments))
        self._finish_item(self._items[index], complete=True)

    def _add(self, item: Item) -> None:
        hidden = not self._kept and item.mcp is not None
        previous = self._talk.add(item) if self._kept or hidden else None
        self._items.append(item)
        self._previous.append(previous)
        index = len(self._items) - 1
        self.tell(f.ReplyItemAdded(self.id, item, index, previous, self.modality, self._kept))

    def _update(self, item: Item) -> None:
        index = next(n for n, old in enumerate(self._items) if old.id == item.id)
        self._items[index] = item
        if self._kept or item.mcp is not None:
            self._talk.replace(item)

    def _finish_item(self, item: Item, *, complete: bool) -> None:
        if item.id in self._done:
            return
        self._done.add(item.id)
        item = item.with_status("completed" if complete else "incomplete")
        self._update(item)
        index = next(n for n, old in enumerate(self._items) if old.id == item.id)
        self.tell(f.ReplyItemDone(self.id, item, index, self._previous[index], self._kept))

    def length_ms(self, item: str) -> int:
        """How long `item` is, heard or not."""
        return self._table.heard(item, self._table.length_ms).played_ms

    def limit(self, item: str, played_ms: int) -> None:
        """The client says beforehand how much it played of an item of this live reply."""
        self._limits[item] = played_ms

    def sent_ms(self, item: str) -> int:
        """How much of `item` was sent."""
        return self._table.heard(item, self._sent).played_ms

    def cut_again(self, item: str, played_ms: int) -> int:
        """The client's own word on what it played of `item`; returns what now counts, ms.

        It can only be less than what was sent.
        """
        own = next(one for one in self._items if one.id == item)
        heard = self._table.heard(item, self._table.began(item) + played_ms)
        text = (own.content[0].transcript or "")[: heard.characters]
        if self._kept:
            self._talk.cut(item, text)
        self.tell(f.Heard(self.id, item, text, heard.played_ms, heard.exact))
        return heard.played_ms

    def _cut(self, cancelled: bool, played_ms: int) -> None:
        length = played_ms if cancelled else self._table.length_ms
        for source, began, ended in self._sources:
            source.heard_ms += max(0.0, min(length, ended) - began)
        said: list[str] = []
        for item in self._items:
            if item.type != "message":
                continue
            upto: float = played_ms if cancelled else self._table.length_ms
            if item.id in self._limits:
                upto = min(self._sent, self._table.began(item.id) + self._limits[item.id])
            heard = self._table.heard(item.id, upto)
            whole = item.content[0].transcript or ""
            text = whole[: heard.characters] if cancelled else whole
            if cancelled:
                if self._kept:
                    self._talk.cut(item.id, text)
                self.tell(f.ItemTruncated(item.id, 0, heard.played_ms))
            said.append(text)
            self.tell(f.Heard(self.id, item.id, text, heard.played_ms, heard.exact))
        self.heard = " ".join(filter(None, said))


def _marks(speech: Speech, characters: int) -> list[tuple[float, int]]:
    """Where words start, ms and character; a voice that tells nonsense is not believed."""
    samples = len(speech.pcm) // 2
    return [
        (at * 1000 / speech.rate, offset)
        for at, offset in sorted(speech.words)
        if 0 <= at <= samples and 0 <= offset < characters
    ]


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return error  # pyright: ignore[reportUnknownVariableType]
