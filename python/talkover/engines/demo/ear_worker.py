"""The process that pocketsphinx runs in: a grammar and a general model, side by side.

The grammar is nearly always right about the demo's intents and hears them in everything else too;
the general model is often wrong by a word. So the grammar is believed where the two agree.
"""

from __future__ import annotations

import codecs
import difflib
import json
import re
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pocketsphinx  # pyright: ignore[reportMissingTypeStubs]  it has none

from .. import frames
from .grammar import GRAMMAR, is_short, is_whole

AGREEMENT = 0.61
"""How alike the two must be, in letters and in sounds."""
AGREEMENT_SHORT = 0.45
"""The same, for a word that does nothing but end a silence or a speech."""
MOST_STATES = 6000
"""Of the general model at a time. Without a bound noise makes it search wider and wider, slower
than the sound comes; with it, clean sound is understood the same, and noisy in 60 % of the time."""
OBSCENE = codecs.decode(
    "(?:zbgure)?shpx%|(?:ohyy|ubefr)?fuvg%|phag%|ovgpu%|nff(?:ubyr)?f?|pbpx(?:f|fhpx%)?|qvpx(?:f|urnq%)?"
    "|chff(?:l|vrf)|juber%|fyhg%|avtt(?:re|n)%|snt(?:f|tbg%)?|onfgneq%|enc(?:r|rq|rf|vfg|vfgf)|gvgf?|cravf%|phz|cbea%|qvyqbf?|nahf|nany",
    "rot13",
)
"""Words, `%` for any end, that it never hears: in noise it would, though nobody said them."""
_KINDS = {
    sound: kind
    for kind in (
        "AA AH AO OW AW", "AE EH EY AY", "IH IY Y", "UH UW W", "ER R", "M N NG", "P B", "T D DH TH",
        "K G", "F V", "S Z SH ZH CH JH",
    )
    for sound in kind.split()
}  # fmt: skip
"""Sounds that are taken for one another."""
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
    sound: bytearray = field(default_factory=bytearray)
    decoded: int = 0
    ended: bool = False
    since: int = 0
    said: str = ""

    @classmethod
    def make(cls) -> Listener:
        sphinx: Any = pocketsphinx
        path = sphinx.get_model_path()
        with (
            tempfile.NamedTemporaryFile("w", suffix=".gram") as grammar,
            tempfile.NamedTemporaryFile("w", suffix=".dict") as words,
        ):
            grammar.write(GRAMMAR)
            grammar.flush()
            words.write(decent(Path(f"{path}/en-us/cmudict-en-us.dict").read_text()))
            words.flush()
            shared: dict[str, Any] = {
                "hmm": f"{path}/en-us/en-us",
                "dict": words.name,
                "loglevel": "FATAL",
            }
            listener = cls(
                sphinx.Decoder(jsgf=grammar.name, **shared),
                sphinx.Decoder(lm=f"{path}/en-us/en-us.lm.bin", maxhmmpf=MOST_STATES, **shared),
            )
        listener.begin()
        return listener

    def begin(self) -> None:
        """A new utterance."""
        self.grammar.start_utt()
        self.general.start_utt()
        self.sound.clear()
        self.decoded, self.ended, self.since, self.said = 0, False, 0, ""

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

    def words(self) -> tuple[str, bool | None]:
        """What is understood so far, and whether that is a whole intent."""
        grammar, general = _text(self.grammar), _text(self.general)
        if is_whole(grammar):
            needed = AGREEMENT_SHORT if is_short(grammar) else AGREEMENT
            if agreement(grammar, general, self._sounds) >= needed:
                return grammar, True
        return general or "", None

    def _sounds(self, text: str) -> list[str]:
        """In the dictionary's phones; of a word that it lacks, its letters."""
        spoken = (self.general.lookup_word(word) or word for word in text.split())
        return [sound for word in spoken for sound in word.split()]


def agreement(one: str, other: str, sounds: Callable[[str], list[str]]) -> float:
    """0 to 1. Letters are near where a word is the same, sounds where only the model's spelling of
    them is another: "what day is it", "what do you eat"."""
    letters = difflib.SequenceMatcher(None, one, other).ratio()
    a, b = sounds(one), sounds(other)
    return (letters + 1 - _distance(a, b) / max(len(a), len(b), 1)) / 2


def _distance(one: list[str], other: list[str]) -> float:
    """Levenshtein's, where like sounds cost less than unlike ones."""
    row = [float(n) for n in range(len(other) + 1)]
    for n, sound in enumerate(one, 1):
        before, row[0] = row[0], float(n)
        for k, heard in enumerate(other, 1):
            cost = before + _unlike(sound, heard)
            before, row[k] = row[k], min(row[k] + 1, row[k - 1] + 1, cost)
    return row[-1]


def _unlike(one: str, other: str) -> float:
    if one == other:
        return 0.0
    if _KINDS.get(one, one) == _KINDS.get(other, other):
        return 0.4
    return 0.7 if (one[0] in "AEIOU") == (other[0] in "AEIOU") else 1.0


def decent(words: str) -> str:
    """A dictionary, a word a line, without the obscene ones."""
    # Other pronunciations of a word are called "word(2)".
    barred = OBSCENE.replace("%", r"\S*")
    return re.sub(rf"^(?:{barred})(?:\(\d\))? .*\n", "", words, flags=re.MULTILINE)


def _text(decoder: Any) -> str:
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis is not None else ""


class Ears:
    """Listeners are kept for the next caller; there are as many as speak at once.

    Streams take turns, a step of sound each: a long utterance that is decoded anew holds up no
    other caller's.
    """

    def __init__(self, make: Callable[[], Listener] = Listener.make) -> None:
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
                said = {"text": text, "sure": sure is True}
                frames.write(stream, b"P", json.dumps(said).encode())

    def _finish(self, stream: int, listener: Listener, asked: bytes) -> None:
        listener.end()
        text, complete = listener.words()
        answer = {"text": text, "complete": complete, "asked": int(asked)}
        frames.write(stream, b"W", json.dumps(answer).encode())

    def _release(self, stream: int) -> None:
        self._waiting -= sum(len(payload) for _, payload in self._turns.pop(stream, ()))
        if stream in self._busy:
            listener = self._busy.pop(stream)
            listener.end()
            listener.begin()
            self._idle.append(listener)


def main() -> None:
    ears = Ears()
    frames.write(0, b"R")
    for stream, kind, payload in frames.read(ears):
        ears.handle(stream, kind, payload)


if __name__ == "__main__":
    main()
