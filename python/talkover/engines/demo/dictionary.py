"""The words that the demo's recogniser knows, as a dictionary of their sounds."""

from __future__ import annotations

import codecs
import re
from collections.abc import Set

OBSCENE = codecs.decode(
    "(?:zbgure)?shpx%|(?:ohyy|ubefr)?fuvg%|phag%|ovgpu%|nff(?:ubyr)?f?|pbpx(?:f|fhpx%)?|qvpx(?:f|urnq%)?"
    "|chff(?:l|vrf)|juber%|fyhg%|avtt(?:re|n)%|snt(?:f|tbg%)?|onfgneq%|enc(?:r|rq|rf|vfg|vfgf)|gvgf?|cravf%|phz|cbea%|qvyqbf?|nahf|nany",
    "rot13",
)
"""Words, `%` for any end, that it never hears: in noise it would, though nobody said them."""


def decent(words: str) -> str:
    """A dictionary, a word a line, without the obscene ones."""
    # Other pronunciations of a word are called "word(2)".
    barred = OBSCENE.replace("%", r"\S*")
    return re.sub(rf"^(?:{barred})(?:\(\d\))? .*\n", "", words, flags=re.MULTILINE)


def only(known: Set[str], words: str) -> str:
    """Of a dictionary, the words that are in `known`."""
    return "".join(
        line for line in words.splitlines(keepends=True) if re.split(r"[( ]", line)[0] in known
    )
