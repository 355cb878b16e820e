"""A recorder takes what a session gives, and gives the session nothing to worry about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from talkover import Agent
from talkover.bundle.file import read_bundle
from talkover.errors import ConfigError
from talkover.media.items import Packet
from talkover.media.port import MediaPort
from talkover.protocol import facts as f
from talkover.protocol.config import first_config
from talkover.session import recorder
from talkover.session.recorder import Recorder, Recordings
from talkover.session.session import Cast, Session
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
    return Session(
        cast, first_config({}), media.core.attach(), transport="websocket", attach=media.attach
    )


def left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_the_bundle_of_a_call_has_its_steps_facts_and_length(
    media: MediaPort, tmp_path: Path
) -> None:
    recordings = Recordings(tmp_path / "deep" / "calls", {"talkover": "1"})
    call = session(media)
    taker = recordings.record(call, "x")
    call.begin()
    taker.handle(Packet(True, 960, 0.0, SILENCE))
    call.tell(i.SpeechStarted(0.0))
    call.tell(i.Heard("h\ud800llo", final=True, complete=True))
    call.tell(i.Commit())
    await asyncio.sleep(0)
    await call.end("enough")
    await recordings.close()
    (file,) = left(recordings.folder)
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
    taker = Recorder(call, tmp_path, {}, stuck)
    call.begin()
    while call.recording:
        taker.handle(Packet(True, 0, 0.0, bytes(2000)))
        await asyncio.sleep(0.005)
    assert len(asked) == 1
    updated = [fact for fact in told if isinstance(fact, f.SessionUpdated)]
    assert "recording" not in updated[-1].config
    taker.handle(Packet(True, 0, 0.0, bytes(2000)))
    call.tell(i.Commit())
    assert call.machine.turn == 1
    await call.end("enough")
    assert len(asked) == 1, "nothing more is written of it"


def test_a_folder_that_cannot_be_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--record"):
        Recordings(tmp_path / "file" / "calls", {})
