"""What of a reply was heard: positions in its sound, mapped back to its words. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

MS_PER_CHARACTER = 65.0
"""English at an ordinary pace, where a voice has no marks and is still being made."""
SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")  # noqa: RUF001 - as scripts write them
HALF = 0.5
"""A word counts as heard when half of it was."""


@dataclass(slots=True)
class Span:
    """One piece of text and its sound. `began` and `lasted` are ms within the reply's audio."""

    item: str
    start: int
    text: str
    began: float
    lasted: float = 0.0
    done: bool = False
    marks: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])


@dataclass(frozen=True, slots=True)
class WordAt:
    """A word by its place in the item's transcript."""

    item: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class HeardText:
    """`characters` of the item's transcript were heard; `exact` where marks told."""

    characters: int
    played_ms: int
    exact: bool


class HeardTable:
    """The account of one reply. Sound is added in the order in which it is played."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._words: list[tuple[float, WordAt]] = []
        self._length = 0.0

    @property
    def length_ms(self) -> float:
        return self._length

    def begin(self, item: str, start: int, text: str) -> None:
        """What is added next is `text`, which begins at character `start` of the transcript."""
        if self._spans:
            self._spans[-1].done = True
        self._spans.append(Span(item, start, text, self._length))

    def add(self, ms: float, marks: list[tuple[float, int]]) -> None:
        """`ms` of sound; marks are (ms within this piece, character offset within the text)."""
        span = self._spans[-1]
        for at, offset in marks:
            end = _word_end(span.text, offset)
            start = span.start
            word = WordAt(span.item, start + offset, start + end, span.text[offset:end])
            self._words.append((self._length + at, word))
            span.marks.append((self._length + at, offset))
        self._length += ms
        span.lasted += ms

    def finish(self) -> None:
        if self._spans:
            self._spans[-1].done = True

    def word(self, index: int) -> WordAt | None:
        """The word of the reply's `index`-th mark."""
        return self._words[index][1] if index < len(self._words) else None

    def word_began(self, index: int) -> float:
        """When it begins to sound, ms within the reply's audio."""
        return self._words[index][0] if index < len(self._words) else 0.0

    def sentence_left(self, played_ms: float) -> float | None:
        """ms from there to the end of the sentence that is heard; None where it is not known yet,
        or nothing follows it."""
        for n, span in enumerate(self._spans):
            end = span.began + span.lasted
            if span.done and end > played_ms and span.text.rstrip(" \n\"')]")[-1:] in SENTENCE_ENDS:
                return end - played_ms if n + 1 < len(self._spans) else None
        return None

    def item_at(self, played_ms: float) -> str | None:
        """The item that sounds when `played_ms` of the reply have been played."""
        begun = [span.item for span in self._spans if span.began <= played_ms]
        return begun[-1] if begun else None

    def began(self, item: str) -> float:
        """When `item` begins to sound, ms within the reply's audio."""
        return next((span.began for span in self._spans if span.item == item), 0.0)

    def heard(self, item: str, played_ms: float) -> HeardText:
        """What of `item` was heard when `played_ms` of the reply had been played."""
        characters, exact, first = 0, True, None
        for span in self._spans:
            if span.item != item:
                continue
            first = span.began if first is None else first
            if span.began >= played_ms:
                break
            heard, known = _heard_of(span, played_ms)
            characters, exact = span.start + heard, exact and known
        own = [span for span in self._spans if span.item == item]
        lasted = sum(span.lasted for span in own)
        played = min(max(played_ms - (first or 0.0), 0.0), lasted)
        return HeardText(characters, round(played), exact)


def _heard_of(span: Span, played_ms: float) -> tuple[int, bool]:
    end = span.began + span.lasted
    if span.done and played_ms >= end - 1:
        return len(span.text), True
    if not span.marks:
        lasted = span.lasted if span.done else max(span.lasted, len(span.text) * MS_PER_CHARACTER)
        share = (played_ms - span.began) / lasted if lasted else 0.0
        return _whole_words(span.text, int(share * len(span.text))), False
    n = bisect_right(span.marks, played_ms, key=lambda mark: mark[0])
    if n == 0:
        return 0, True
    at, offset = span.marks[n - 1]
    after = span.marks[n][0] if n < len(span.marks) else end
    if played_ms - at >= HALF * (after - at):
        return _word_end(span.text, offset), True
    return len(span.text[:offset].rstrip()), True


def _word_end(text: str, offset: int) -> int:
    end = offset
    while end < len(text) and not text[end].isspace():
        end += 1
    return end


def _whole_words(text: str, characters: int) -> int:
    if characters >= len(text):
        return len(text)
    if characters > 0 and not text[characters].isspace():
        characters = text.rfind(" ", 0, characters + 1)
    return len(text[: max(characters, 0)].rstrip())
