"""A .gitignore, read simply: names, folders, and `*`; the last line that fits decides (pure)."""

from __future__ import annotations

import re

MOST_LINES = 2000
MOST_STARS = 6
"""With many more a line takes a regular expression for ever."""


class Ignore:
    """Paths are relative to the file's folder. Character classes (`[a-z]`) are not known."""

    def __init__(self, text: str) -> None:
        self._lines = [
            one for line in text.splitlines()[:MOST_LINES] if (one := _read(line)) is not None
        ]

    def matches(self, path: str, *, folder: bool) -> bool:
        ignored = False
        for pattern, only_folders, wanted in self._lines:
            if (folder or not only_folders) and pattern.fullmatch(path):
                ignored = wanted
        return ignored


def _read(line: str) -> tuple[re.Pattern[str], bool, bool] | None:
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    wanted = not line.startswith("!")
    line = line.lstrip("!")
    only_folders = line.endswith("/")
    line = line.rstrip("/")
    if not line or line.count("*") > MOST_STARS:
        return None
    anchored = "/" in line
    parts = [_part(part) for part in re.split(r"(\*\*/|\*\*|\*|\?)", line.lstrip("/"))]
    pattern = "".join(parts)
    return re.compile(pattern if anchored else f"(?:.*/)?{pattern}"), only_folders, wanted


def _part(part: str) -> str:
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return special.get(part, re.escape(part))
