"""The process that pocketsphinx runs in: a grammar and a general model, side by side.

The grammar is nearly always right about the demo's intents and hears them in everything else too;
the general model is often wrong by a word. So the grammar is believed where the two agree.
"""

from __future__ import annotations

import difflib
import json
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
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
        with tempfile.NamedTemporaryFile("w", suffix=".gram") as grammar:
            grammar.write(GRAMMAR)
            grammar.flush()
            shared: dict[str, Any] = {
                "hmm": f"{path}/en-us/en-us",
                "dict": f"{path}/en-us/cmudict-en-us.dict",
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
        if grammar and difflib.SequenceMatcher(None, grammar, general).ratio() >= AGREEMENT:
            return grammar, True
        return general or "", None


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
