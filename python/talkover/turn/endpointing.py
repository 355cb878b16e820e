"""How long to wait in a pause before the turn is taken to be over: silence weighed by evidence."""

from __future__ import annotations

import re
from typing import Literal

from .policy import TurnPolicy

Ending = Literal["none", "complete", "open", "dictating", "neutral"]

LIKELY = 0.8
"""From here on an end-of-turn model is believed where the words leave it open."""
UNLIKELY = 0.3

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


def ending(text: str) -> Ending:
    """How the words end: a thought by punctuation, an open end, a number being dictated."""
    words = _WORD.findall(text.lower())
    if not words:
        return "none"
    # A number that is being dictated goes on, whatever a recogniser puts behind it.
    if len(words) >= 3 and all(word in _DIGITS or word.isdigit() for word in words[-3:]):
        return "dictating"
    if text.rstrip().endswith(("...", "…", ",", "-", "\u2013", ":")) or words[-1] in _OPEN:
        return "open"
    return "complete" if text.rstrip().endswith((".", "?", "!")) else "neutral"


def wait_ms(
    text: str, known: bool | None, likely: float | None, policy: TurnPolicy
) -> tuple[int, str]:
    """The wait after the last voiced sample, and why.

    `known` is the recogniser's own opinion of whether the words are complete, `likely` an
    end-of-turn model's probability. Words that are clear overrule the model, and the model
    decides where they are not (it hears prosody, which text does not have).
    """
    p = "" if likely is None else f" (end of turn {likely:.2f})"
    if known is True:
        return policy.silence_complete_ms, "the words are complete"
    end = ending(text)
    if end == "neutral" and known is False:
        end = "open"
    match end:
        case "none":
            return policy.silence_no_words_ms, "no words yet"
        case "complete":
            return policy.silence_complete_ms, "the sentence is complete"
        case "dictating":
            return policy.silence_dictating_ms, "a number is being dictated"
        case "open":
            return policy.silence_incomplete_ms, f"the words trail off{p}"
        case "neutral" if likely is not None and likely >= LIKELY:
            return policy.silence_likely_ms, f"it sounds like the end{p}"
        case "neutral" if likely is not None and likely < UNLIKELY:
            return policy.silence_incomplete_ms, f"it sounds unfinished{p}"
        case "neutral":
            return policy.silence_ms, f"the words may be complete{p}"
