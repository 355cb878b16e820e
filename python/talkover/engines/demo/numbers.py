"""English numbers, spoken and written."""

from __future__ import annotations

import re

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()


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
    found: list[int] = []
    value: int | None = None
    for word in [*re.findall(r"[a-z]+|\d+", text.lower().replace("-", " ")), ""]:
        part = _part(word)
        if value is not None and word == "hundred":
            value *= 100
        elif part is None:
            if value is not None:
                found.append(value)
            value = 1 if word == "a" and "a hundred" in text else None
        elif value is not None and value % 100 >= 20 and value % 10 == 0 and 0 < part < 10:
            value += part
        else:
            if value is not None:
                found.append(value)
            value = part
    return found


def _part(word: str) -> int | None:
    if word.isdigit():
        return int(word)
    if word in _SMALL:
        return _SMALL.index(word)
    return _TENS.index(word) * 10 if word in _TENS else None
