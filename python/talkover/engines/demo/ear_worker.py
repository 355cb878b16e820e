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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pocketsphinx  # pyright: ignore[reportMissingTypeStubs]  it has none

from .. import frames
from .grammar import GRAMMAR

AGREEMENT = 0.52
"""Share of equal letters; 51 clips made with three voices: 85 % of the intents are kept, and 4 of
30 other sentences are taken for one."""
MOST_STATES = 6000
"""Of the general model at a time. Without a bound noise makes it search wider and wider, slower
than the sound comes; with it, clean sound is understood the same, and noisy in 60 % of the time."""
OBSCENE = re.compile(
    codecs.decode(
        "(zbgure)?shpx|(ohyy|ubefr)?fuvg|phag|ovgpu|nff(ubyr)?f?$|pbpx(f|fhpx.*)?$|qvpx(f|urnq.*)?$"
        "|chff(l|vrf)$|juber|fyhg|avtt(re|n)|snt(f|tbg.*)?$|onfgneq|enc(r|rq|rf|vfg|vfgf)$|gvgf?$|cravf|phz$|cbea|qvyqb|nahf|nany$",
        "rot13",
    )
)
"""Words, or their beginnings, that it never hears: in noise it would, though nobody said them."""
PARTIAL_BYTES = 3200
STEP = 3200
WAIT_BYTES = 400 * 32
"""Of further sound before an ended utterance is decoded again."""


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
        while self.decoded < len(self.sound):
            step = bytes(self.sound[self.decoded : self.decoded + STEP])
            self.grammar.process_raw(step)
            self.general.process_raw(step)
            self.decoded += len(step)
            self.since += len(step)

    def words(self) -> tuple[str, bool | None]:
        """What is understood so far, and whether that is a whole intent."""
        grammar, general = _text(self.grammar), _text(self.general)
        if grammar and difflib.SequenceMatcher(None, grammar, general).ratio() >= AGREEMENT:
            return grammar, True
        return general or "", None


def decent(words: str) -> str:
    """A dictionary, a word a line, without the obscene ones."""
    # Other pronunciations of a word are called "word(2)".
    lines = ((line, re.split(r"[\s(]", line, maxsplit=1)[0]) for line in words.splitlines(True))
    return "".join(line for line, word in lines if not OBSCENE.match(word))


def _text(decoder: Any) -> str:
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis is not None else ""


class Ears:
    """Listeners are kept for the next caller; there are as many as speak at once."""

    def __init__(self) -> None:
        self._idle = [Listener.make()]
        self._busy: dict[int, Listener] = {}

    def handle(self, stream: int, kind: bytes, payload: bytes) -> None:
        if kind == b"A":
            self._feed(stream, payload)
        elif kind == b"F":
            self._finish(stream, payload)
        elif stream in self._busy:
            listener = self._busy.pop(stream)
            listener.end()
            listener.begin()
            self._idle.append(listener)

    def _feed(self, stream: int, pcm: bytes) -> None:
        if stream not in self._busy:
            self._busy[stream] = self._idle.pop() if self._idle else Listener.make()
        listener = self._busy[stream]
        listener.feed(pcm)
        if listener.since >= PARTIAL_BYTES and not listener.ended:
            listener.since = 0
            text, sure = listener.words()
            if text and text != listener.said:
                listener.said = text
                said = {"text": text, "sure": sure is True}
                frames.write(stream, b"P", json.dumps(said).encode())

    def _finish(self, stream: int, asked: bytes) -> None:
        text, complete = "", None
        if stream in self._busy:
            listener = self._busy[stream]
            listener.end()
            text, complete = listener.words()
        answer = {"text": text, "complete": complete, "asked": int(asked)}
        frames.write(stream, b"W", json.dumps(answer).encode())


def main() -> None:
    ears = Ears()
    frames.write(0, b"R")
    for stream, kind, payload in frames.read():
        ears.handle(stream, kind, payload)


if __name__ == "__main__":
    main()
