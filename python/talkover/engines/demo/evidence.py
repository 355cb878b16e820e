"""How much speaks for it that a sentence of the grammar was said: does the general model hear the
same, and does the sentence fit the sound as well as any sounds at all would?
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

NEEDED = -0.43
"""Of `evidence`; tuned by the tuning half of `bench.demo`."""
OF_FIT, OF_WORST = 0.3, 0.1
COVERED = 0.65
"""The share of what was spoken that the words of a sentence must account for."""
SUPPORTED = 0.55
"""Of `support`, for a sentence that has something done."""
LONGEST = 45
"""Frames: where a sound seems to take longer, the search for sounds has lost its way."""
_KINDS = {
    sound: kind
    for kind in (
        "AA AH AO OW AW", "AE EH EY AY", "IH IY Y", "UH UW W", "ER R", "M N NG", "P B", "T D DH TH",
        "K G", "F V", "S Z SH ZH CH JH",
    )
    for sound in kind.split()
}  # fmt: skip
"""Sounds that are taken for one another."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A word or a sound: frames `first` to `last`, and the log likelihood of them all."""

    name: str
    first: int
    last: int
    likelihood: float


def evidence(agreement: float, words: Sequence[Stretch], sounds: Sequence[Stretch]) -> float:
    """A sentence as it was found in the sound, beside the likeliest sounds there without any words.

    Whatever is said, some sentence of a grammar fits best; how much worse than mere sounds, for
    each frame, tells whether it was said (utterance verification by likelihood ratio). One word
    that does not fit at all weighs against all others that do.
    """
    spoken = [sound for sound in sounds if _is_spoken(sound)]
    if any(sound.last - sound.first >= LONGEST for sound in spoken):
        return float("-inf")
    if _covered(words, spoken) < COVERED:
        return float("-inf")
    free = [0.0] * (1 + max((one.last for one in (*words, *sounds)), default=0))
    for sound in sounds:
        for frame in range(sound.first, sound.last + 1):
            free[frame] = sound.likelihood / (sound.last - sound.first + 1)
    losses = [
        (word.likelihood - sum(free[word.first : word.last + 1]), word.last - word.first + 1)
        for word in words
    ]
    if not losses:
        return float("-inf")
    fit = sum(loss for loss, _ in losses) / sum(frames for _, frames in losses)
    worst = min(loss / frames for loss, frames in losses)
    return agreement + OF_FIT * fit + OF_WORST * worst


def _covered(words: Sequence[Stretch], spoken: Sequence[Stretch]) -> float:
    """How much of what was spoken is in the words; of nothing, all."""
    within = {frame for word in words for frame in range(word.first, word.last + 1)}
    frames = [frame for sound in spoken for frame in range(sound.first, sound.last + 1)]
    return sum(frame in within for frame in frames) / len(frames) if frames else 1.0


def support(
    words: Sequence[Stretch],
    ears: Sequence[Sequence[Stretch]],
    sounds: Callable[[str], list[str]],
) -> float:
    """0 to 1: how much of what the words are made of was heard where they are said to be.

    A grammar that knows few words finds one of them in any other: it gives "spell island" for "go
    on", and fits nearly as well as mere sounds do. `ears` heard single sounds, knowing other words
    or none; a word is as sure as the ear says that heard the most of it.
    """
    wanted = [(word, sounds(word.name)) for word in words]
    found = sum(
        len(sought) * max(_alike(sought, _within(word, ear)) for ear in ears)
        for word, sought in wanted
    )
    return found / max(1, sum(len(sought) for _, sought in wanted))


def spread(word: Stretch, sounds: Sequence[str]) -> list[Stretch]:
    """The sounds of a word, as if each took as long."""
    each = (word.last - word.first + 1) / len(sounds)
    middles = [round(word.first + (n + 0.5) * each) for n in range(len(sounds))]
    return [Stretch(sound, at, at, 0.0) for sound, at in zip(sounds, middles, strict=True)]


def _within(word: Stretch, ear: Sequence[Stretch]) -> list[str]:
    there = (one for one in ear if word.first <= (one.first + one.last) / 2 <= word.last)
    return [one.name for one in there if _is_spoken(one)]


def _is_spoken(sound: Stretch) -> bool:
    return sound.name != "SIL" and sound.name[0] != "+"


def agreement(one: str, other: str, sounds: Callable[[str], list[str]]) -> float:
    """0 to 1. Letters are near where a word is the same, sounds where only the model's spelling of
    them is another: "what day is it", "what do you eat"."""
    letters = difflib.SequenceMatcher(None, one, other).ratio()
    return (letters + _alike(sounds(one), sounds(other))) / 2


def _alike(one: list[str], other: list[str]) -> float:
    return 1 - _distance(one, other) / max(len(one), len(other), 1)


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
