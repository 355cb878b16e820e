"""How long to wait in a pause before the turn is taken to be over."""

from __future__ import annotations

import re

from .policy import TurnPolicy

_WORD = re.compile(r"[\w']+")
# Words that English does not end a request with: articles, prepositions, conjunctions, fillers.
_OPEN = frozenset(
    "a an the to of for with at from by in on into about and or but so because if when while that "
    "which who my your his her our their this these i we they he she it's i'm is are was were um "
    "uh er erm hmm like would could should can will want need please and then than as "
    "every each some any".split()
)
_DIGITS = frozenset(
    "zero oh one two three four five six seven eight nine ten eleven twelve double triple".split()
)


def complete(text: str) -> bool | None:
    """Whether the words end a thought: True by punctuation, False by an open end, else None."""
    words = _WORD.findall(text.lower())
    if not words:
        return None
    if text.rstrip().endswith(("...", "…", ",", "-", "\u2013", ":")):
        return False
    if words[-1] in _OPEN:
        return False
    # A number that is being dictated goes on.
    if len(words) >= 3 and all(word in _DIGITS or word.isdigit() for word in words[-3:]):
        return False
    if text.rstrip().endswith((".", "?", "!")):
        return True
    return None


def wait_ms(text: str, known: bool | None, policy: TurnPolicy) -> tuple[int, str]:
    """The wait after the last voiced sample, and why. `known` is the recogniser's own opinion."""
    if not text.strip():
        return policy.silence_no_words_ms, "no words yet"
    if known is True:
        return policy.silence_complete_ms, "the words are complete"
    match complete(text):
        case False:
            return policy.silence_incomplete_ms, "the words trail off"
        case True:
            return policy.silence_complete_ms, "the sentence is complete"
        case None if known is False:
            return policy.silence_incomplete_ms, "the words are incomplete"
        case None:
            return policy.silence_ms, "the words may be complete"
