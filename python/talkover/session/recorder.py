"""Records calls as bundles: reads a session's facts, its turn machine and its packets.

The loop's thread collects; one thread of the process writes, so that a slow disk delays no voice.
What cannot be written ends the recording and never the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from ..bundle.archive import STAMP, outdated, recordings
from ..bundle.draft import Batch, Draft, lines
from ..bundle.transcript import Transcript
from ..errors import ConfigError
from ..media import items as m
from ..protocol import facts as f
from ..protocol.realtime import Codec
from ..turn.trace import Step, encode
from .session import Session
from .stream import Entry

log = structlog.get_logger("talkover.recorder")

EVERY_S = 1.0
"""How often is written; a crash costs this much."""
MOST_WAITING = 4 << 20
"""Bytes that wait for the disk; with more, the recording is given up."""
TIDY_S = 24 * 3600.0
_UNTOLD = (f.ReplyAudio, f.ItemRetrieved)
"""Facts that are sound, which the bundle has as Opus."""


class Recordings:
    """Where calls are recorded. `about` goes into each bundle. ConfigError for a bad folder.

    Those older than `days` are deleted, now and once a day.
    """

    def __init__(self, folder: Path, about: dict[str, Any], days: int | None = None) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"Calls cannot be recorded into {folder} ({error.strerror}); give --record a "
                "folder that can be written."
            ) from None
        self.folder, self._about, self._days = folder, about, days
        self._writer = ThreadPoolExecutor(1, "recordings")
        self._timer: asyncio.TimerHandle | None = None
        self._tidy()

    def record(self, session: Session, agent: str) -> Recorder:
        """Record a new session with the agent of this name, to its end."""
        return Recorder(session, self.folder, self._about | {"agent": agent}, self._writer.submit)

    async def close(self) -> None:
        """Wait for what is still to be written."""
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.wrap_future(self._writer.submit(lambda: None))
        self._writer.shutdown(wait=False)

    def _tidy(self) -> None:
        if self._days is not None:
            self._writer.submit(delete_outdated, self.folder, self._days)
            self._timer = asyncio.get_running_loop().call_later(TIDY_S, self._tidy)


def delete_outdated(folder: Path, days: int) -> None:
    """Those whose calls began more than so many days ago; what cannot be deleted is logged."""
    now = datetime.now(UTC)
    try:
        for one in outdated(recordings(folder), days, now):
            if not one.is_live(now.timestamp()):
                one.delete()
                log.info("a recording was deleted", session=one.session, began=str(one.began))
    except OSError as error:
        log.error("old recordings cannot be deleted", folder=str(folder), error=str(error))


class Recorder:
    """One call's."""

    def __init__(
        self,
        session: Session,
        folder: Path,
        about: dict[str, Any],
        submit: Callable[[Callable[[], None]], Future[None]],
    ) -> None:
        self._session, self._submit = session, submit
        self._loop = asyncio.get_running_loop()
        began = datetime.now(UTC) - timedelta(seconds=session.clock())
        name = f"{began.strftime(STAMP)}-{session.id}"
        self._make = lambda: Draft(folder, name, about | _about(session, began))
        self._draft: Draft | None = None
        self._codec = Codec(extensions=True, audio_events=False)
        self._transcript = Transcript()
        self._batch, self._waiting = Batch(), 0
        self._writing: Future[None] | None = None
        self._on, self._failed = True, False
        self._timer: asyncio.TimerHandle | None = None
        session.recording = True
        session.on_step = self._step
        session.stream.attach(self._fact)
        session.packets.attach(self._packet)
        self._step(Step(0.0, session.machine.policy))

    def _packet(self, packet: m.Packet) -> None:
        at = self._session.clock() - packet.age
        self._batch.packets.append((packet.user, at, packet.ticks, packet.opus))
        self._count(len(packet.opus))

    def _step(self, step: Step) -> None:
        line = lines([encode(step)])
        self._batch.trace.append(line)
        self._count(len(line))

    def _fact(self, entry: Entry) -> None:
        number, at_ms, fact = entry
        if isinstance(fact, _UNTOLD):
            return
        events = self._codec.encode(fact, at_ms)
        line = lines({"n": number, "ms": at_ms, "event": event} for event in events)
        self._batch.facts.append(line)
        for event in events:
            self._batch.words += self._transcript.take(at_ms, event)
        self._count(len(line))
        if isinstance(fact, f.Ended):
            self._end(fact.reason)

    def _count(self, more: int) -> None:
        self._waiting += more
        # Nobody hears a call that never connects; it leaves no file.
        if self._timer is None and self._session.begun:
            self._timer = self._loop.call_later(EVERY_S, self._flush)

    def _flush(self) -> None:
        self._timer = None
        if self._writing is not None and not self._writing.done():
            if self._waiting > MOST_WAITING:
                self._stop("the disk takes nothing")
            else:
                self._timer = self._loop.call_later(EVERY_S, self._flush)
            return
        batch, self._batch, self._waiting = self._batch, Batch(), 0
        self._write(lambda: self._opened().write(batch))

    def _end(self, reason: str) -> None:
        session, batch = self._session, self._batch
        self._detach()
        if not session.begun:
            return
        more = {"seconds": round(session.clock(), 3), "ended": reason}
        more["transport"] = session.transport

        def finish() -> None:
            draft = self._opened()
            draft.write(batch)
            log.info("recorded", session=session.id, file=str(draft.finish(more)))

        self._write(finish)

    def _opened(self) -> Draft:
        """Only on the writer's thread."""
        if self._draft is None:
            self._draft = self._make()
        return self._draft

    def _write(self, job: Callable[[], None]) -> None:
        def guarded() -> None:
            if self._failed:
                return
            try:
                job()
            except Exception as error:
                self._failed = True
                if self._draft is not None:
                    self._draft.close()
                if not self._loop.is_closed():
                    self._loop.call_soon_threadsafe(self._stop, f"it cannot be written: {error}")

        self._writing = self._submit(guarded)

    def _stop(self, why: str) -> None:
        """The recording is over and the call goes on; clients are told so."""
        log.error("a recording stopped", session=self._session.id, reason=why)
        self._detach()
        if not self._session.ended:
            self._session.emit(f.SessionUpdated(self._session.shown()))

    def _detach(self) -> None:
        session, self._on = self._session, False
        session.recording, session.on_step = False, None
        session.stream.detach(self._fact)
        session.packets.detach(self._packet)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._batch = Batch()


def _about(session: Session, began: datetime) -> dict[str, Any]:
    cast = session.cast
    engines = (cast.stt.info, cast.llm.info, cast.tts.info)
    return {
        "session": session.id,
        "began": began.isoformat(timespec="milliseconds"),
        "user": session.user,
        "engines": [asdict(info) for info in engines],
    }
