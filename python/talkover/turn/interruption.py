"""What kind of sound came over the agent's voice."""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["nothing", "backchannel", "command", "content"]

_WORD = re.compile(r"[\w']+")
_BACKCHANNELS = frozenset(
    "mm mmm mhm mm-hm hm hmm uh huh uhhuh ah oh yeah yes yep yup right okay ok sure really wow "
    "nice cool great good i see got it exactly true aha".split()
)
_COMMANDS = frozenset("stop wait no pause quiet enough cancel".split())
_PHRASES = ("hold on", "hang on", "shut up", "one moment", "be quiet")
_EMPTY = frozenset("um uh er erm a the and so well".split())


def kind(text: str) -> Kind:
    """A command interrupts at once, content by its number of words, a backchannel never."""
    words = _WORD.findall(text.lower().replace("-", " "))
    spoken = [word for word in words if word not in _EMPTY or word == "uh"]
    if not spoken:
        return "nothing"
    if all(word in _BACKCHANNELS for word in spoken):
        return "backchannel"
    if spoken[0] in _COMMANDS or any(phrase in " ".join(spoken) for phrase in _PHRASES):
        return "command"
    return "content"


def content_words(text: str) -> int:
    """Words that carry something."""
    words = _WORD.findall(text.lower().replace("-", " "))
    return sum(word not in _EMPTY and word not in _BACKCHANNELS for word in words)
