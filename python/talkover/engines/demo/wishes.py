"""What somebody wants of the demo, by the words. All of them have to fit: what is left over may be
the point, and to ask again is better than to do the wrong thing.
"""

from __future__ import annotations

import re

from .grammar import is_counted
from .numbers import WORDS as NUMBERS

_ANYWHERE = frozenset(
    "please can could would will you i i'd we like want to me us just hey hello hi okay so um uh "
    "er well now a an the do know tell give let hear for my your then and".split()
)
_OPERATION = r"\b(?:plus|minus|times|multiplied by|divided by)\b|(?<=[\d\s])[-+*/x](?=[\d\s])"
_ASKED = r"^(?:please |(?:can|could) you )*"
_TIME_UNITS = "second seconds minute minutes hour hours half"
_WISHES: tuple[tuple[str, str, str], ...] = (
    ("stop", r"^(?:stop|wait|hold on|hang on|no|quiet|be quiet|enough|(?:one|a) moment"
     r"|just (?:one|a) (?:second|minute))\b",
     "stop wait hold hang on no quiet be enough that's it thanks thank moment second minute one "
     "talking"),
    ("on", _ASKED + r"(?:go on|keep going|carry on|continue)\b",
     "go on keep going carry continue talking"),
    ("again", _ASKED + r"(?:(?:say|repeat) (?:that|it)|come again"
     r"|what did you say)\b", "say repeat that it come again what did"),
    ("timer", r"\btimer\b", f"timer set start make of {_TIME_UNITS} #"),
    ("time", r"\btime\b", "what what's is it time current right"),
    ("date", r"\b(?:date|what day|which day)\b",
     "what what's which is it date day today today's of week month"),
    ("sum", _OPERATION,
     "what what's is how much calculate plus minus times multiplied divided by x #"),
    ("count", r"\bcount\b", "count up from all way #"),
    ("story", r"\bstory\b", "story another long short good any one more read have some"),
    ("repeat", r"^(?:please |(?:can|could) you )*(?:repeat after me|say)\b", "*"),
    ("spell", r"\bspell\s+(?:the word\s+)?[a-z']+\W*$", "*"),
    ("well", r"\bhow are you\b", "how are doing today"),
    ("help", r"\b(?:help|what (?:else )?can (?:you|i)|who are you|what are you|your name"
     r"|how does (?:this|it) work)\b",
     "help what what's who is are can say ask able try things talk about else how does this it "
     "work name"),
    ("thanks", r"\b(?:thanks|thank you)\b", "thanks thank very much lot that's great good"),
    ("bye", r"\b(?:goodbye|good bye|bye|see you later)\b",
     "goodbye good bye see later thanks thank"),
    ("hello", r"^(?:hello|hi|good (?:morning|evening|afternoon))\b",
     "hello hi there world good morning evening afternoon again"),
)  # fmt: skip
"""A wish, what is in it, and the words that may be; `#` are numbers, `*` is anything."""


def wish(text: str) -> str:
    """Its name, or "" for none that the demo knows."""
    said = text.lower().replace("\u2019", "'").strip()
    words = re.findall(r"[a-z']+|\d+", said)
    if is_counted(words):
        return "counted"
    for name, within, fitting in _WISHES:
        if re.search(within, said):
            return name if _fits(words, fitting) else ""
    return ""


def operations(text: str) -> list[str]:
    """Of a sum, in order: "+", "-", "*", "/"."""
    signs = {
        "plus": "+", "minus": "-", "times": "*", "multiplied by": "*", "divided by": "/", "x": "*",
    }  # fmt: skip
    found: list[str] = re.findall(_OPERATION, text.lower())
    return [signs.get(one, one) for one in found]


def _fits(words: list[str], fitting: str) -> bool:
    known = set(fitting.split())
    return "*" in known or all(
        word in known or word in _ANYWHERE or ("#" in known and (word.isdigit() or word in NUMBERS))
        for word in words
    )
