"""English numbers, spoken and written."""

from __future__ import annotations

import re

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_UNITS = {"second": 1, "minute": 60, "hour": 3600}
WORDS = frozenset((*_SMALL, *_TENS, "hundred", "thousand"))


def words(number: int) -> str:
    """42 -> "forty-two"; below a million."""
    if number < 0:
        return f"minus {words(-number)}"
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_SMALL[ones]}" if ones else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{_SMALL[hundreds]} hundred" + (f" and {words(rest)}" if rest else "")
    if number < 1_000_000:
        thousands, rest = divmod(number, 1000)
        return f"{words(thousands)} thousand" + (f" {words(rest)}" if rest else "")
    return str(number)


def find(text: str) -> list[int]:
    """The numbers in a text, in order: "twenty one and 3" -> [21, 3]."""
    plain = re.sub(r"\ba (?=hundred|thousand)", "one ", text.lower().replace("-", " "))
    found: list[int] = []
    value: int | None = None
    for word in [*re.findall(r"[a-z]+|\d+", plain), ""]:
        part = _part(word)
        if value and word == "hundred" and value % 1000 < 10:
            value += value % 1000 * 99
        elif value and word == "thousand" and value < 1000:
            value *= 1000
        elif value and word == "and" and value % 100 == 0:
            continue
        elif value is not None and part is not None and not word.isdigit() and _fits(value, part):
            value += part
        else:
            if value is not None:
                found.append(value)
            value = part
    return found


def seconds(text: str) -> int | None:
    """How long a text says: "a minute and a half" -> 90. None where that is not clear."""
    said = re.sub(r"\b(second|minute|hour)s? and a half\b", r"and a half \1", text.lower())
    whole, since = 0.0, 0
    spans = list(re.finditer(r"\b(second|minute|hour)s?\b", said))
    for span in spans:
        amount = _amount(said[since : span.start()])
        if amount is None:
            return None
        whole += amount * _UNITS[span[1]]
        since = span.end()
    rest = said[since:]
    return int(whole) if spans and not find(rest) and "half" not in rest else None


def _amount(said: str) -> float | None:
    """What stands before a unit: "two and a half" -> 2.5."""
    said, halves = re.subn(r"\band a half\s*$", "", said)
    found: list[float] = [*find(said)]
    if not found and re.search(r"\bhalf (?:of )?an?\s*$", said):
        found = [0.5]
    elif not found and re.search(r"\b(a|an|one)\s*$", said):
        found = [1]
    return found[0] + halves / 2 if len(found) == 1 else None


def _fits(value: int, part: int) -> bool:
    """Whether `part` goes on with a number: twenty - one, two hundred - five."""
    if value % 100 == 0 and value:
        return 0 < part < 100
    return value % 100 >= 20 and value % 10 == 0 and 0 < part < 10


def _part(word: str) -> int | None:
    if word.isdigit():
        return int(word)
    if word in _SMALL:
        return _SMALL.index(word)
    return _TENS.index(word) * 10 if word in _TENS else None
