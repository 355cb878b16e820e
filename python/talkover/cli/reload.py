"""`--reload`: new calls get new code; an error in it is told while the old code serves on."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import structlog

from ..errors import TalkoverError
from ..session.lobby import Lobby
from .load import LoadError, Source

log = structlog.get_logger("talkover.reload")

LOOK_S = 0.5

Stamp = tuple[int, int] | None


class Reloader:
    """Everything on the event loop's thread."""

    def __init__(self, lobby: Lobby, source: Source) -> None:
        self._lobby, self._source = lobby, source
        self._trouble: dict[str, Any] | None = None
        self._seen = self._stamps()

    def trouble(self) -> dict[str, Any] | None:
        """What is wrong with the newest code: message, file and line, for the page."""
        return self._trouble

    async def watch(self) -> None:
        """Load again whenever a file has changed; runs until it is cancelled."""
        # A compilation is kept by the second of its source; two edits can fall into one.
        sys.dont_write_bytecode = True
        while True:
            now = self._stamps()
            if now != self._seen:
                await self._load()
                # What changed during the load counts as changed.
                after = self._stamps()
                self._seen = {file: now.get(file) or stamp for file, stamp in after.items()}
            await asyncio.sleep(LOOK_S)

    async def _load(self) -> None:
        try:
            await self._lobby.serve(self._source.load())
        except TalkoverError as error:
            where = (error.file, error.line) if isinstance(error, LoadError) else (None, None)
            self._trouble = {"message": error.message, "file": where[0], "line": where[1]}
            log.error("the agent could not be loaded; the old one serves on", error=error.message)
        else:
            self._trouble = None
            log.info("reloaded", agents=self._lobby.agents)

    def _stamps(self) -> dict[Path, Stamp]:
        return {file: _stamp(file) for file in self._source.files}


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
