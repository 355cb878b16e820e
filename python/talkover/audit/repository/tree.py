"""The sources of a repository, read once: what its authors wrote, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from .ignore import Ignore

MOST_FILES = 5000
MOST_LOOKED_AT = 100_000
MOST_BYTES = 512 * 1024
"""Of one file; longer ones were made by a machine, and so were longer lines."""
MOST_LINE = 2000
MOST_IN_ALL = 16 * 1024 * 1024

SUFFIXES = (
    ".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".json", ".jsonc", ".toml",
    ".yml", ".yaml", ".conf",
)  # fmt: skip
NAMES = ("Procfile", "Dockerfile", "nginx.conf")
VENDORED = {
    "node_modules", "vendor", "third_party", "site-packages", "venv", ".venv", "dist", "build",
    "out", "target", "coverage", "__pycache__", "bower_components", "generated", "__generated__",
    "migrations", "scripts",
}  # fmt: skip
TESTS = {"test", "tests", "__tests__", "spec", "e2e", "fixtures", "__mocks__", "cypress"}
LOCKS = {"package-lock.json", "composer.lock", "tsconfig.json"}


@dataclass(frozen=True, slots=True)
class Source:
    """A file by its path in the repository (with slashes), and its text, without lines that no
    person wrote."""

    path: str
    text: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Sources:
    files: tuple[Source, ...]
    notes: tuple[str, ...]


def sources(folder: Path) -> Sources:
    """InputError where the folder cannot be read. Links are not followed."""
    if not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(f"{folder} cannot be read; look at its permissions.")
    found: list[Source] = []
    notes: list[str] = []
    read = 0
    for path in _walked(folder, notes):
        if len(found) == MOST_FILES or read > MOST_IN_ALL:
            notes.append(f"Only the first {len(found)} files were read; name a folder in it.")
            break
        try:
            with (folder / path).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError:
            notes.append(f"{path} cannot be read.")
            continue
        if len(content) <= MOST_BYTES and b"\0" not in content[:1024]:
            found.append(Source(path, _written(content.decode(errors="replace"))))
            read += len(content)
    return Sources(tuple(found), tuple(notes))


def is_source(path: str) -> bool:
    """Whether a file is one that somebody wrote and that runs (pure)."""
    name = path.rpartition("/")[2]
    if name in LOCKS or ".min." in name or name.endswith((".d.ts", "_pb2.py", ".map")):
        return False
    parts = name.split(".")
    if parts[0].startswith("test_") or parts[0].endswith("_test") or {"test", "spec"} & {*parts}:
        return False
    return name.endswith(SUFFIXES) or name in NAMES or name.startswith("Dockerfile")


def _written(text: str) -> str:
    return "\n".join(line if len(line) <= MOST_LINE else "" for line in text.splitlines())


def _walked(folder: Path, notes: list[str]) -> Iterator[str]:
    ignores: dict[str, Ignore] = {}
    looked_at = 0
    for here, folders, names in os.walk(folder):
        inside = Path(here).relative_to(folder).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        if ".gitignore" in names:
            ignores[prefix] = Ignore(_text(Path(here) / ".gitignore"))
        folders[:] = sorted(
            name
            for name in folders
            if name not in VENDORED | TESTS
            and not name.startswith(".")
            and not _ignored(ignores, f"{prefix}{name}", folder=True)
        )
        for name in sorted(names):
            looked_at += 1
            if looked_at > MOST_LOOKED_AT:
                notes.append(f"More than {MOST_LOOKED_AT} files; name a folder in it.")
                return
            path = f"{prefix}{name}"
            regular = (folder / path).is_file() and not (folder / path).is_symlink()
            if is_source(path) and regular and not _ignored(ignores, path, folder=False):
                yield path


def _ignored(ignores: dict[str, Ignore], path: str, *, folder: bool) -> bool:
    return any(
        one.matches(path.removeprefix(prefix), folder=folder)
        for prefix, one in ignores.items()
        if path.startswith(prefix)
    )


def _text(file: Path) -> str:
    try:
        with file.open(errors="replace") as opened:
            return opened.read(MOST_BYTES)
    except OSError:
        return ""
