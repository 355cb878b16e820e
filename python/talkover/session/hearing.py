"""The user's side of a session: sound into utterances, utterances into words and items."""

from __future__ import annotations

import array
import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..engines.base import Words
from ..errors import EngineError
from ..media import items as m
from ..protocol import facts as f
from ..protocol.config import OpusFormat
from ..protocol.ids import fresh
from ..protocol.items import Item, Part
from ..turn import inputs as i
from ..values import Audio
from .account import TurnEnd, faded
from .arrival import Arrival
from .ear import PATIENCE_S, RATE, Ear
from .intake import expander
from .live import Tap, frames

if TYPE_CHECKING:
    from .session import Session

MOST_FADE_S = 0.3
"""A word fades in less; a longer murmur is no part of it."""
UNHEARD_S = 0.1
"""So long a soft last sound may go on that the detector hears no more; a later noise is none."""
WAYS = 10
"""Reports of the network, among which the fastest is believed: the others waited somewhere."""


@dataclass(slots=True)
class Utterance:
    """The user's turn: its item on the wire, and when things happened (session's clock)."""

    item: str
    ended: float = 0.0
    stopped: float = 0.0
    worded: float = 0.0
    late: float = 0.0
    """How much later than the fastest sound before it its last came, seconds."""
    text: str = ""
    told: str = ""
    """The words that went out as deltas, which nothing takes back."""
    sound: bytes = field(default=b"", repr=False)


class Hearing:
    """Belongs to one session. Only on the loop's thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._language = self._spoken()
        self._stt = session.cast.stt
        self.ear = Ear(self._stt, self._language, self._words, self._deaf)
        self.utterance: Utterance | None = None
        self._word_taps: list[Tap[Words]] = []
        self._audio_taps: list[Tap[Audio]] = []
        self._arrival = Arrival()
        self._upto = 0
        """Samples heard so far."""
        self._ways: deque[float] = deque(maxlen=WAYS)
        self._pauses = 0
        self._unplaced: str | None = None
        """The item of what was said last, which a speech-to-speech model has not told yet."""
        self._early: str | None = None
        """The item of a voice that was told before it is known whether it interrupts."""

    def _spoken(self) -> str:
        asked = self._session.config.audio.input.transcription
        language = asked.language if asked is not None else None
        return language or self._session.cast.agent.language

    def recast(self) -> None:
        """Another agent listens, perhaps with another recogniser or in another language; what is
        being said now is heard by that one from its beginning."""
        stt, language = self._session.cast.stt, self._spoken()
        if stt is self._stt and language == self._language:
            return
        before, self._stt, self._language = self.ear, stt, language
        self.ear = Ear(stt, language, self._words, self._deaf)
        if before.hearing:
            self.ear.begin()
            self.ear.hear(before.sound)
        before.close()

    @property
    def manual(self) -> bool:
        return self._session.machine.policy.mode == "manual"

    @property
    def open_utterance(self) -> Utterance | None:
        """The utterance that has begun and is not in the conversation yet."""
        utterance = self.utterance
        begun = utterance is not None and utterance.item not in self._session.conversation
        return utterance if begun else None

    @property
    def has_input(self) -> bool:
        """Whether the caller said something that is not committed yet."""
        return self.open_utterance is not None or self.ear.hearing

    def turn_end(self, cause: str) -> TurnEnd:
        """What a reply answers, for its account."""
        now, utterance = self._session.clock(), self.utterance
        if cause != "turn" or utterance is None:
            return TurnEnd(now, now, way=self.way if cause == "create" else None)
        # Words that never became final were waited for all the same.
        stt = max(0.0, (utterance.worded or now) - utterance.stopped)
        return TurnEnd(utterance.ended, now, stt, utterance.late, spoken=True, way=self.way)

    def words(self) -> Tap[Words]:
        self._word_taps.append(Tap())
        return self._word_taps[-1]

    def audio(self) -> Tap[Audio]:
        self._audio_taps.append(Tap())
        return self._audio_taps[-1]

    def close(self) -> None:
        self.ear.close()
        for tap in (*self._word_taps, *self._audio_taps):
            tap.close()

    # ---- sound ---------------------------------------------------------------------------------

    def sound(self, item: m.AudioIn) -> None:
        self._upto = item.at + len(item.pcm) // 2
        gapless = self._session.transport != "websocket"
        self._arrival.take(self._upto, self._session.clock(), gapless=gapless)
        if self.manual and self._session.transport == "websocket" and not self.ear.hearing:
            # What a socket appends is meant, however quiet it is.
            self.ear.begin()
        self.ear.hear(item.pcm)
        for tap in self._audio_taps:
            for frame in frames(item.pcm):
                tap.put(frame)

    def speech(self, item: m.Speech) -> None:
        """Voice began or ended."""
        session, when = self._session, self._arrival.time_of(item.at)
        self._pauses += 1
        if item.on:
            self.ear.begin()
            session.tell(i.SpeechStarted(when, item.echo_db))
            self._tell_early(when)
            return
        if self.utterance is not None:
            self.utterance.stopped, self.utterance.late = session.clock(), self._arrival.late
        session.tell(i.SpeechStopped(when))
        if not self.manual:
            self.ear.pause()
            self._ask_for_end()

    def _tell_early(self, when: float) -> None:
        detection = self._session.config.audio.input.turn_detection
        wanted = detection is not None and detection.speech_events == "all"
        if wanted and self._session.machine.user == "overlapping" and self._early is None:
            self._early = fresh("item")
            self._session.emit(f.SpeechStarted(self._early, self.ms(when)))

    def ms(self, when: float) -> int:
        """A time as the client is told it: on its own clock where that is what it appended."""
        if self._session.transport == "websocket":
            when -= self._arrival.start
        return max(0, round(when * 1000))

    def lost(self) -> None:
        """The caller is gone: what was being said ends here."""
        session = self._session
        if session.machine.user in ("speaking", "overlapping"):
            session.tell(i.SpeechStopped(session.clock()))
            if not self.manual:
                self.ear.pause()

    def restart(self) -> None:
        """Samples are counted anew from now on."""
        self._arrival.restart(self._session.clock())
        self._ways.clear()

    def travelled(self, way: float) -> None:
        """A packet is known to have taken `way` seconds, from one end to the other."""
        self._ways.append(way)

    @property
    def way(self) -> float | None:
        """Seconds that a packet takes; None where nobody knows."""
        return min(self._ways, default=None)

    def _ask_for_end(self) -> None:
        """The end-of-turn model hears best within the first tenth of a second of silence."""
        session = self._session
        model = session.cast.endpointer
        if model is None or session.machine.user != "pausing":
            return

        async def ask(sound: bytes, pausing: int) -> None:
            likely = await model.likely_end(sound)
            if likely is not None and pausing == self._pauses:
                session.tell(i.Likely(likely))

        session.spawn(ask(self.ear.sound, self._pauses), "end of turn")

    # ---- words ---------------------------------------------------------------------------------

    def _words(self, words: Words) -> None:
        session, utterance = self._session, self.utterance
        if not words.final:
            self._tap(words)
        if utterance is not None and words.text != utterance.text:
            utterance.text = words.text
            if session.machine.user in ("speaking", "pausing"):
                session.emit(f.Partial(utterance.item, words.text))
                # The last word may still change; what was told is not taken back.
                self._tell_delta(utterance, words.text.rpartition(" ")[0])
                session.sayings.count_back(words.text)
        if words.final and utterance is not None:
            utterance.worded = session.clock()
        session.tell(i.Heard(words.text, words.final, words.complete, words.sure))

    def _tell_delta(self, utterance: Utterance, text: str) -> None:
        if text.startswith(utterance.told) and len(text) > len(utterance.told):
            delta, utterance.told = text[len(utterance.told) :], text
            self._session.emit(f.TranscriptDelta(utterance.item, delta))

    def _tap(self, words: Words) -> None:
        for tap in self._word_taps:
            tap.put(words)

    def _deaf(self, error: EngineError) -> None:
        session = self._session
        session.emit(f.Failed("server_error", error.code, error.message, stage="stt"))
        if self.utterance is not None:
            self.utterance.worded = session.clock()
            session.emit(f.TranscriptionFailed(self.utterance.item, error.message))
        session.tell(i.Heard("", final=True))
        session.apologize()

    # ---- turns ---------------------------------------------------------------------------------

    def begin(self, at: float, words: str) -> None:
        """The user has the floor since `at`."""
        told, self._early = self._early, None
        self.utterance = Utterance(told or fresh("item"), text=words)
        if told is None:
            self._session.emit(f.SpeechStarted(self.utterance.item, self.ms(at)))

    def ignore(self) -> None:
        """What was just said is nobody's turn."""
        if self._early is not None:
            self._session.emit(f.SpeechStopped(self._early, self.ms(self._session.clock())))
            self._early = None
        self.ear.reset()

    def commit(self, end: float) -> None:
        """The user's turn is over: it becomes an item."""
        session, begun = self._session, self.open_utterance
        if session.cast.s2s is not None:
            return self._leave_to_model(end)
        utterance = begun or Utterance(fresh("item"))
        utterance.sound = self.ear.sound
        utterance.ended = self._silent_since(end, utterance.sound)
        if begun is not None:
            session.emit(f.SpeechStopped(utterance.item, self.ms(end)))
        self.utterance = utterance
        seconds = self.ear.seconds
        # A client may end the turn before its last words are known.
        wordless = not utterance.worded and not utterance.text
        unknown = self.manual or wordless or utterance.worded < utterance.stopped
        words = self.ear.take() if unknown and self.ear.hearing else None
        self.add(utterance.item, None if words else utterance.text)
        if words is not None:
            session.spawn(self._transcribe(utterance, words, seconds), "transcribe")
            return
        self._tap(Words(utterance.text, final=True))
        self._tell_delta(utterance, utterance.text)
        session.emit(f.Transcribed(utterance.item, utterance.text, seconds))
        self.ear.reset()

    def _leave_to_model(self, end: float) -> None:
        """What was said becomes an item when the speech-to-speech model says so."""
        utterance, self.utterance = self.utterance, None
        if utterance is not None:
            self._session.emit(f.SpeechStopped(utterance.item, self.ms(end)))
            placed = utterance.item in self._session.conversation
            self._unplaced = None if placed else utterance.item
        self.ear.reset()

    def place(self) -> str:
        """The model says that the user's turn is over: its item, whose words may follow."""
        begun = self.open_utterance
        item = self._unplaced or (begun.item if begun else fresh("item"))
        self._unplaced = None
        self.add(item, None)
        return item

    def _silent_since(self, end: float, sound: bytes) -> float:
        """When a turn fell silent of which the detector heard the last at `end`, or nearly."""
        quiet = 0 if self.ear.is_full else faded(sound)
        if not quiet:
            return end
        silent = self._arrival.time_of(self._upto - quiet)
        return end if silent > end + UNHEARD_S else max(end - MOST_FADE_S, silent)

    def add(self, item: str, transcript: str | None) -> None:
        """A spoken item, told as the protocol has it: its words follow later."""
        session = self._session
        part = Part("input_audio", transcript=transcript)
        previous = session.conversation.add(Item(item, "message", "user", (part,)))
        shown = Item(item, "message", "user", (Part("input_audio"),))
        session.emit(f.Committed(item, previous))
        session.emit(f.ItemAdded(shown, previous))
        session.emit(f.ItemDone(shown, previous))

    async def _transcribe(
        self, utterance: Utterance, words: asyncio.Task[Words], seconds: float
    ) -> None:
        session, item = self._session, utterance.item
        try:
            text = (await words).text
        except EngineError as error:
            session.emit(f.TranscriptionFailed(item, error.message))
            return
        self._tell_delta(utterance, text)
        self.worded(item, text, seconds)

    def worded(self, item: str, text: str, seconds: float) -> None:
        """What was said in an item that is in the conversation already."""
        session = self._session
        part = Part("input_audio", transcript=text)
        session.conversation.replace(Item(item, "message", "user", (part,)))
        session.emit(f.Transcribed(item, text, seconds))
        self._tap(Words(text, final=True))

    def listen_to(self, item: Item) -> None:
        """An item that a client made of sound, without its words: have it understood."""
        for index, part in enumerate(item.content):
            if part.type != "input_audio" or part.audio is None or part.transcript is not None:
                continue
            format = self._session.config.audio.input.format
            # Sound that is longer than a packet has no form in Opus without a container.
            made = None if isinstance(format, OpusFormat) else expander(format)
            pcm = part.audio if made is None else made.push(part.audio)
            self._session.spawn(self._understand(item, index, _at_16k(pcm)), "transcribe")

    async def _understand(self, item: Item, index: int, pcm: bytes) -> None:
        session = self._session
        stream = session.cast.stt.open(self._language, lambda _: None)
        try:
            stream.feed(pcm)
            async with asyncio.timeout(PATIENCE_S):
                text = (await stream.finish()).text
        except (EngineError, TimeoutError) as error:
            session.emit(f.TranscriptionFailed(item.id, str(error) or "No words came in time."))
            return
        finally:
            stream.close()
        known = session.conversation.get(item.id)
        if known is not None:
            parts = list(known.content)
            parts[index] = replace(parts[index], transcript=text)
            session.conversation.replace(replace(known, content=tuple(parts)))
        session.emit(f.Transcribed(item.id, text, len(pcm) / 2 / RATE))

    def discard(self) -> None:
        """There was nothing in it."""
        session = self._session
        if self.utterance is not None:
            session.emit(f.SpeechStopped(self.utterance.item, self.ms(session.clock())))
            session.emit(f.InputCleared())
        self.utterance = None
        self.ear.reset()


def _at_16k(pcm: bytes) -> bytes:
    """24 kHz as 16 kHz: two samples of each three, the second one between its neighbours."""
    samples = array.array("h", pcm[: len(pcm) // 6 * 6])
    out = array.array("h", bytes(len(samples) // 3 * 4))
    out[0::2] = samples[0::3]
    out[1::2] = array.array(
        "h", [(a + b) // 2 for a, b in zip(samples[1::3], samples[2::3], strict=True)]
    )
    return out.tobytes()
