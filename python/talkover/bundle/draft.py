"""A bundle in the making: a folder that grows with the call and becomes one file at its end.

A crash leaves the folder, which reads like the file as far as it goes.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import InputError
from ..turn.as_test import as_test
from ..turn.trace import moments
from .file import (
    ABOUT,
    AGENT,
    FACTS,
    FOLDER,
    FORMAT,
    PART,
    PARTS,
    SUFFIX,
    TRACE,
    TURNS,
    USER,
    WORDS,
    read_bundle,
)
from .lane import Lane


@dataclass(slots=True)
class Batch:
    """What came since the last one. Packets: (the user's?, when, ticks of its clock, Opus); words:
    lines of the transcript."""

    trace: list[bytes] = field(default_factory=list[bytes])
    facts: list[bytes] = field(default_factory=list[bytes])
    words: list[str] = field(default_factory=list[str])
    packets: list[tuple[bool, float, int, bytes]] = field(
        default_factory=list[tuple[bool, float, int, bytes]]
    )


class Draft:
    """Made, used and finished by one thread. OSError as the disk does."""

    def __init__(self, folder: Path, name: str, about: dict[str, Any]) -> None:
        self._about = {"format": FORMAT} | about
        self._target = folder / f"{name}{SUFFIX}"
        self._folder = folder / f"{name}{FOLDER}"
        self._folder.mkdir(parents=True)
        self._files: list[BinaryIO] = []
        self._tell(complete=False)
        self._trace, self._facts = self._part(TRACE), self._part(FACTS)
        self._words = self._open(folder / f"{name}{WORDS}")
        self._words.write(_written(_head(about)))
        self._user, self._agent = Lane(self._part(USER), 1), Lane(self._part(AGENT), 2, ours=True)

    def write(self, batch: Batch) -> None:
        self._trace.writelines(batch.trace)
        self._facts.writelines(batch.facts)
        self._words.writelines(_written(line) for line in batch.words)
        for user, at, ticks, opus in batch.packets:
            (self._user if user else self._agent).take(at, ticks, opus)
        for file in self._files:
            file.flush()

    def finish(self, more: dict[str, Any]) -> Path:
        """The call lasted `more["seconds"]`: the bundle, whole or not at all."""
        for lane in (self._user, self._agent):
            lane.close(more["seconds"])
        self.close()
        self._tell(complete=True, **more)
        (self._folder / TURNS).write_text(json.dumps(_turns(self._folder)))
        part = self._target.with_suffix(PART)
        with zipfile.ZipFile(part, "w") as file:
            for name in PARTS:
                # Opus does not get smaller.
                packed = zipfile.ZIP_STORED if name in (USER, AGENT) else zipfile.ZIP_DEFLATED
                file.write(self._folder / name, name, packed)
        os.replace(part, self._target)
        shutil.rmtree(self._folder)
        return self._target

    def close(self) -> None:
        """Give the files back; what was written stays."""
        for file in self._files:
            file.close()

    def _part(self, name: str) -> BinaryIO:
        return self._open(self._folder / name)

    def _open(self, path: Path) -> BinaryIO:
        file = path.open("wb")
        self._files.append(file)
        return file

    def _tell(self, **more: Any) -> None:
        about = json.dumps(self._about | more, indent=1)
        (self._folder / ABOUT).write_text(about)


def _head(about: dict[str, Any]) -> str:
    said = (about.get("session", "a call"), about.get("began", "at some time"))
    return f"{', '.join(said)}, with the agent {about.get('agent') or 'of no name'}\n"


def _written(line: str) -> bytes:
    # Half of a surrogate pair may come from a client, and has no bytes.
    return f"{line}\n".encode(errors="replace")


def lines(shown: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in shown)


def _turns(folder: Path) -> list[dict[str, Any]]:
    """For readers that have no turn machine: each moment in words, and as a test."""
    try:
        bundle = read_bundle(folder)
    except InputError:
        return []
    return [
        {
            "turn": moment.number,
            "at": moment.at,
            "decisions": [
                {"at": one.at, "decision": one.what, "why": one.why} for one in moment.decisions
            ],
            "test": as_test(bundle.steps, moment.number, bundle.title),
        }
        for moment in moments(bundle.steps)
    ]
