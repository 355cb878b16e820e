"""What was said, in fragments with their times on the session's timeline (milliseconds)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

MS_PER_CHARACTER = 65
"""How long a word lasts that has just begun."""


@dataclass(slots=True)
class _Line:
    """An item's words, and how many characters of them were told. `text` None: who joined amid the
    item does not know how it began."""

    text: str | None = ""
    told: int = 0


@dataclass(slots=True)
class Heard:
    """The user's words, each from where the last one ended."""

    _began: int = 0
    _item: str | None = None
    _any: bool = False

    def begin(self, at_ms: int) -> None:
        self._began = max(self._began, at_ms)

    def tell(self, item: str, text: str, at_ms: int) -> Json:
        """The next words of an item."""
        # Fragments are put together as they come, so that each carries the space before it.
        apart = item != self._item and self._any and not text.startswith(" ")
        self._item, self._any = item, True
        began, self._began = self._began, max(self._began, at_ms)
        return {
            "type": "session.input_transcript.delta",
            "delta": f" {text}" if apart else text,
            "start_ms": began,
            "end_ms": self._began,
        }


@dataclass(slots=True)
class Spoken:
    """The agent's words, told as they sound: what nobody hears is not told."""

    _lines: dict[str, _Line] = field(default_factory=dict[str, _Line])
    _any: bool = False

    def begin(self, item: str) -> None:
        self._lines[item] = _Line()

    def write(self, item: str, text: str) -> None:
        line = self._lines.get(item)
        if line is not None and line.text is not None:
            line.text += text

    def word(self, item: str, start: int, end: int, text: str, at_ms: int) -> list[Json]:
        """A word begins to sound, characters `start`..`end` of the item."""
        line = self._lines.setdefault(item, _Line(None, start))
        new = text if line.text is None else line.text[line.told : end]
        return self._tell(line, end, new, at_ms, None)

    def heard(self, item: str, text: str, at_ms: int, lasted_ms: int) -> list[Json]:
        """The item is over, and so much of it was heard."""
        line = self._lines.pop(item, _Line())
        return self._tell(line, len(text), text[line.told :], max(0, at_ms - lasted_ms), at_ms)

    def _tell(
        self, line: _Line, end: int, delta: str, start_ms: int, end_ms: int | None
    ) -> list[Json]:
        if end <= line.told:
            return []
        apart = line.told == 0 or line.text is None
        if apart and self._any and not delta.startswith(" "):
            delta = f" {delta}"
        line.told, self._any = end, True
        if end_ms is None:
            end_ms = start_ms + MS_PER_CHARACTER * len(delta)
        kind = "session.output_transcript.delta"
        return [{"type": kind, "delta": delta, "start_ms": start_ms, "end_ms": end_ms}]
