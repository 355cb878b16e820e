"""The process that pocketsphinx runs in: a grammar and a general model, side by side.

The grammar is nearly always right about the demo's intents and hears them in everything else too;
the general model is often wrong by a word. So the grammar is believed where the two agree, or
where a second look at the whole utterance finds enough evidence.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import frames
from .evidence import NEEDED, SUPPORTED, Stretch, agreement, evidence, spread, support
from .grammar import COURTESY, GRAMMAR, is_counted, is_short, is_whole
from .second_look import MOST_BYTES, SecondLook
from .sphinx import FOLDER, decoder, every_word, grammar_words

AGREEMENT = 0.61
"""How alike the two must be, in letters and in sounds."""
AGREEMENT_SHORT = 0.45
"""The same, for a word that does nothing but end a silence or a speech."""
AGREEMENT_SURE = 0.8
"""So alike, the whole need not be looked at again."""
AGREEMENT_LEAST = 0.3
"""Less alike, one of them heard but a part of it."""
MOST_STATES = 3000
"""Of the general model at a time. Without a bound noise makes it search wider and wider, slower
than the sound comes; with it, what it hears is as good, in half the time."""
USUAL = "48,0,3,7,-2,-1,0,-2,0,0,1,1,1"
"""The cepstral mean of somebody who was not heard yet: of people and flite's voices, clean and at
20 dB of noise. The model's own is for less noise."""
PARTIAL_BYTES = 3200
STEP = 3200
WAIT_BYTES = 400 * 32
"""Of further sound before an ended utterance is decoded again."""
MOST_WAITING = 256 * 1024
"""Bytes that are read ahead of the decoders: 8 s of sound."""


@dataclass(slots=True)
class Listener:
    """Two decoders; one caller's utterance at a time."""

    grammar: Any
    general: Any
    again: SecondLook
    sound: bytearray = field(default_factory=bytearray)
    decoded: int = 0
    ended: bool = False
    since: int = 0
    said: str = ""
    mean: str = USUAL
    """The cepstral mean that is expected, or this utterance's own, once it was heard again."""

    @classmethod
    def make(cls, again: SecondLook) -> Listener:
        grammar = decoder(grammar_words(), lm=None, bestpath=False)
        grammar.add_jsgf_string("sentence", GRAMMAR)
        grammar.activate_search("sentence")
        # Its second search over an ended utterance costs more than it mends.
        general = decoder(
            every_word(), lm=str(FOLDER / "en-us.lm.bin"), maxhmmpf=MOST_STATES, fwdflat=False
        )
        listener = cls(grammar, general, again)
        listener.begin()
        return listener

    def begin(self) -> None:
        """A new utterance, of anybody."""
        self.expect(USUAL)
        self.grammar.start_utt()
        self.general.start_utt()
        self.sound.clear()
        self.decoded, self.ended, self.since, self.said = 0, False, 0, ""

    def expect(self, mean: str) -> None:
        """The caller's voice, microphone and room, as they were heard before."""
        self.mean = mean
        self.grammar.set_cmn(mean)
        self.general.set_cmn(mean)

    def end(self) -> None:
        if not self.ended:
            self.ended = True
            self.grammar.end_utt()
            self.general.end_utt()

    def feed(self, pcm: bytes) -> None:
        self.sound += pcm
        if self.ended:
            # Most utterances are over at their first end; only one that goes on is decoded anew.
            if len(self.sound) - self.decoded < WAIT_BYTES:
                return
            self.ended, self.decoded = False, 0
            self.expect(self.mean)
            self.grammar.start_utt()
            self.general.start_utt()

    @property
    def behind(self) -> bool:
        return not self.ended and self.decoded < len(self.sound)

    def step(self) -> None:
        """Decode a little of what it was fed."""
        step = bytes(self.sound[self.decoded : self.decoded + STEP])
        self.grammar.process_raw(step)
        self.general.process_raw(step)
        self.decoded += len(step)
        self.since += len(step)

    def words(self) -> tuple[str, bool]:
        """What is understood so far, and whether that is a whole intent."""
        grammar, general = _text(self.grammar), _text(self.general)
        # "What time" begins like "one two".
        needed = AGREEMENT_SURE if is_counted(grammar.split()) else AGREEMENT
        if self._believes(grammar, general, needed):
            return grammar, True
        return general, False

    def last_words(self) -> tuple[str, bool]:
        """The same of the ended utterance."""
        self.end()
        grammar, general = _text(self.grammar), _text(self.general)
        long = len(self.sound) > MOST_BYTES
        if self._believes(grammar, general, AGREEMENT if long else AGREEMENT_SURE):
            return grammar, True
        if self.sound and not long and (found := self._look_again(general)):
            return found, True
        # Under the agent's echo a voice begins with what is no word of it.
        rest = general.partition(" ")[2]
        if rest.count(" ") >= 2 and is_whole(rest):
            return rest, True
        return general, False

    def _believes(self, grammar: str, general: str, needed: float) -> bool:
        if not is_whole(grammar):
            return False
        needed = AGREEMENT_SHORT if is_short(grammar) else needed
        return agreement(grammar, general, self._sounds) >= needed

    def _look_again(self, general: str) -> str:
        """A sentence with evidence enough, or nothing."""
        sound = bytes(self.sound)
        text, found = self.again.sentence(sound)
        if general:
            # A cough tells nothing of a voice.
            self.mean = self.again.mean
        if not is_whole(text):
            return ""
        alike, sounds = agreement(text, general, self._sounds), self.again.sounds(sound)
        if alike < AGREEMENT_LEAST or evidence(alike, found, sounds) < NEEDED:
            return ""
        if not is_short(text):
            # What a wish is for has to be heard by others where the grammar hears it.
            telling = [word for word in found if word.name.partition("(")[0] not in COURTESY]
            if support(telling, (sounds, self._heard()), self._sounds) < SUPPORTED:
                return ""
        return text

    def _heard(self) -> list[Stretch]:
        """The sounds of the general model's words, and when they were said."""
        words = (
            Stretch(one.word, one.start_frame, one.end_frame, 0.0)
            for one in self.general.seg() or ()
            if one.word[0] not in "<[+("
        )
        return [sound for word in words for sound in spread(word, self._sounds(word.name))]

    def _sounds(self, text: str) -> list[str]:
        """In the dictionary's phones; of a word that it lacks, its letters."""
        spoken = (self.general.lookup_word(word) or word for word in text.split())
        return [sound for word in spoken for sound in word.split()]


def _text(decoder: Any) -> str:
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis is not None else ""


class Ears:
    """Listeners are kept for the next caller; there are as many as speak at once.

    Streams take turns, a step of sound each: a long utterance that is decoded anew holds up no
    other caller's. Only hearing a short one again is done in one go.
    """

    def __init__(self, make: Callable[[], Listener]) -> None:
        self._make = make
        self._idle = [make()]
        self._busy: dict[int, Listener] = {}
        self._turns: dict[int, deque[tuple[bytes, bytes]]] = {}
        """What waits, by stream; whose turn it is comes first."""
        self._waiting = 0

    @property
    def full(self) -> bool:
        return self._waiting > MOST_WAITING

    def handle(self, stream: int, kind: bytes, payload: bytes) -> None:
        if kind == b"Z":
            self._release(stream)
            return
        self._turns.setdefault(stream, deque()).append((kind, payload))
        self._waiting += len(payload)

    def step(self) -> bool:
        """Do something for the stream whose turn it is; True where there is more to do."""
        if not self._turns:
            return False
        stream = next(iter(self._turns))
        waiting = self._turns.pop(stream)
        if stream not in self._busy:
            self._busy[stream] = self._idle.pop() if self._idle else self._make()
        listener = self._busy[stream]
        if listener.behind:
            self._listen(stream, listener)
        else:
            kind, payload = waiting.popleft()
            self._waiting -= len(payload)
            if kind == b"A":
                listener.feed(payload)
            elif kind == b"C":
                listener.expect(payload.decode())
            else:
                self._finish(stream, listener, payload)
        if waiting or listener.behind:
            self._turns[stream] = waiting
        return bool(self._turns)

    def _listen(self, stream: int, listener: Listener) -> None:
        listener.step()
        if listener.since >= PARTIAL_BYTES:
            listener.since = 0
            text, sure = listener.words()
            if text and text != listener.said:
                listener.said = text
                said = {"text": text, "sure": sure}
                frames.write(stream, b"P", json.dumps(said).encode())

    def _finish(self, stream: int, listener: Listener, asked: bytes) -> None:
        text, whole = listener.last_words()
        answer = {"text": text, "whole": whole, "mean": listener.mean, "asked": int(asked)}
        frames.write(stream, b"W", json.dumps(answer).encode())

    def _release(self, stream: int) -> None:
        self._waiting -= sum(len(payload) for _, payload in self._turns.pop(stream, ()))
        if stream in self._busy:
            listener = self._busy.pop(stream)
            listener.end()
            listener.begin()
            self._idle.append(listener)


def main() -> None:
    again = SecondLook.make()
    ears = Ears(lambda: Listener.make(again))
    frames.write(0, b"R")
    for stream, kind, payload in frames.read(ears):
        ears.handle(stream, kind, payload)


if __name__ == "__main__":
    main()
