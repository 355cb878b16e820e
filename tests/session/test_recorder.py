"""A recorder takes what a session gives, and gives the session nothing to worry about."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli.process import until

from talkover import Agent
from talkover.bundle.archive import STAMP
from talkover.bundle.file import read_bundle
from talkover.errors import ConfigError
from talkover.media.items import Packet
from talkover.media.port import MediaPort
from talkover.protocol import facts as f
from talkover.protocol.config import first_config
from talkover.session import recorder
from talkover.session.cast import Cast, Names
from talkover.session.recorder import Recorder, Recordings
from talkover.session.session import Session
from talkover.testing.engines import ScriptedEar, ScriptedLlm, SteadyVoice
from talkover.turn import inputs as i
from talkover.turn.trace import moments, replay

SILENCE = b"\xf8\xff\xfe"


@pytest.fixture
async def media() -> AsyncIterator[MediaPort]:
    port = MediaPort("127.0.0.1", 0)
    yield port
    port.close()


def session(media: MediaPort) -> Session:
    cast = Cast(Agent("x"), ScriptedEar(), ScriptedLlm({"": "Yes."}), SteadyVoice())
    names = Names("sess_1", "rtc_1")
    return Session(
        cast, first_config({}), media.core.attach(), names,
        transport="websocket", attach=media.attach,
    )  # fmt: skip


def left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_the_bundle_of_a_call_has_its_steps_facts_and_length(
    media: MediaPort, tmp_path: Path
) -> None:
    recordings = Recordings(tmp_path / "deep" / "calls", {"talkover": "1"})
    call = session(media)
    recordings.record(call, "x")
    call.begin()
    call.handle(Packet(True, 960, 0.0, SILENCE))
    call.tell(i.SpeechStarted(0.0))
    call.tell(i.Heard("h\ud800llo", final=True, complete=True))
    call.tell(i.Commit())
    call.emit(f.Transcribed("item_x", "hello", 1.0))
    await asyncio.sleep(0)
    await call.end("enough")
    await recordings.close()
    file, transcript = sorted(left(recordings.folder))
    assert (file.suffix, transcript.suffix) == (".talkover", ".txt")
    assert file.stem == transcript.stem and call.id in transcript.read_text()
    assert re.search(r"user +hello\n.* \(enough\)\n$", transcript.read_text())
    bundle = read_bundle(file)
    assert bundle.whole and bundle.about["ended"] == "enough" and bundle.about["agent"] == "x"
    assert replay(bundle.steps) == bundle.steps and len(moments(bundle.steps)) == 1
    assert bundle.events[-1][1]["type"] == "talkover.ended"
    created = next(e for _, e in bundle.events if e["type"] == "session.created")
    assert created["session"]["recording"] is True


async def test_a_caller_who_never_came_leaves_no_file(media: MediaPort, tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, {})
    call = session(media)
    recordings.record(call, "x")
    await call.end("never connected")
    await recordings.close()
    assert not left(tmp_path)


async def test_a_disk_that_takes_nothing_ends_the_recording_and_not_the_call(
    media: MediaPort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "EVERY_S", 0.02)
    monkeypatch.setattr(recorder, "MOST_WAITING", 10_000)
    asked: list[Callable[[], None]] = []

    def stuck(job: Callable[[], None]) -> Future[None]:
        asked.append(job)
        return Future()

    call = session(media)
    told: list[Any] = []
    call.stream.attach(lambda entry: told.append(entry[2]))
    Recorder(call, tmp_path, {}, stuck)
    call.begin()
    while call.recording:
        call.handle(Packet(True, 0, 0.0, bytes(2000)))
        await asyncio.sleep(0.005)
    assert len(asked) == 1
    updated = [fact for fact in told if isinstance(fact, f.SessionUpdated)]
    assert "recording" not in updated[-1].config
    call.handle(Packet(True, 0, 0.0, bytes(2000)))
    call.tell(i.Commit())
    assert call.machine.turn == 1
    await call.end("enough")
    assert len(asked) == 1, "nothing more is written of it"


async def test_recordings_that_are_too_old_are_deleted_at_the_start_and_every_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "TIDY_S", 0.02)
    ages = {days: datetime.now(UTC) - timedelta(days=days, hours=1) for days in (0, 6, 7, 400)}

    def put(days: int) -> Path:
        name = f"{ages[days].strftime(STAMP)}-sess_{days:024x}.txt"
        (tmp_path / name).write_text("words")
        return tmp_path / name

    files = {days: put(days) for days in ages}
    (tmp_path / "notes.txt").write_text("mine")
    recordings = Recordings(tmp_path, {}, days=7)
    await asyncio.to_thread(until, lambda: not files[400].exists() and not files[7].exists())
    again = put(400)
    await asyncio.to_thread(until, lambda: not again.exists())
    await recordings.close()
    assert set(left(tmp_path)) == {files[0], files[6], tmp_path / "notes.txt"}


async def test_without_days_nothing_is_deleted(tmp_path: Path) -> None:
    old = tmp_path / f"20200101-000000-sess_{1:024x}.txt"
    old.write_text("words")
    await Recordings(tmp_path, {}).close()
    assert old.exists()


def test_a_folder_that_cannot_be_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--record"):
        Recordings(tmp_path / "file" / "calls", {})
