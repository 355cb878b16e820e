"""Recordings are found and deleted; whatever else is in their folder stays."""

from __future__ import annotations

import os
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from talkover.bundle.archive import LIVE_S, Recording, outdated, recordings

OLD, NEW = "sess_" + "a" * 24, "sess_" + "b" * 24
LONG_AGO = time.time() - 3600


def bundle(folder: Path, session: str, began: str = "20260102-030405") -> None:
    with zipfile.ZipFile(folder / f"{began}-{session}.talkover", "w") as file:
        file.writestr("about.json", f'{{"session": "{session}", "seconds": 3}}')
    (folder / f"{began}-{session}.txt").write_text("words")


def torn(folder: Path, session: str, began: str = "20260102-030405") -> Path:
    """As a crash leaves it, an hour ago."""
    parts = folder / f"{began}-{session}.recording"
    parts.mkdir()
    for name in ("about.json", "user.opus"):
        (parts / name).write_text("{}")
        os.utime(parts / name, (LONG_AGO, LONG_AGO))
    (folder / f"{began}-{session}.txt").write_text("words")
    return parts


def test_a_recording_is_all_that_there_is_of_one_call(tmp_path: Path) -> None:
    bundle(tmp_path, NEW, "20260203-040506")
    torn(tmp_path, OLD)
    first, second = recordings(tmp_path)
    assert (first.session, len(first.paths)) == (OLD, 2)
    assert first.began == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert second.about["seconds"] == 3 and second.bytes > 5
    first.delete()
    assert [one.session for one in recordings(tmp_path)] == [NEW]
    second.delete()
    assert not list(tmp_path.iterdir())


def test_what_is_not_a_recording_is_neither_listed_nor_touched(tmp_path: Path) -> None:
    precious = tmp_path / "elsewhere"
    precious.mkdir()
    (precious / "about.json").write_text("precious")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / f"20260102-030405-{OLD}.wav").write_text("mine")
    (tmp_path / "20260102-030405-sess_x.talkover").write_text("mine")
    (tmp_path / f"20269999-030405-{OLD}.talkover").write_text("mine")
    (tmp_path / f"20260102-030406-{OLD}.talkover").mkdir()
    (tmp_path / f"20260102-030407-{OLD}.recording").symlink_to(precious)
    (tmp_path / f"20260102-030408-{OLD}.txt").symlink_to(precious / "about.json")
    parts = torn(tmp_path, NEW)
    (parts / "mine.txt").write_text("mine")
    before = set(tmp_path.rglob("*"))
    (found,) = recordings(tmp_path)
    assert found.session == NEW
    found.delete()
    gone = before - set(tmp_path.rglob("*"))
    assert {path.name for path in gone} == {
        "about.json", "user.opus", f"20260102-030405-{NEW}.txt"
    }  # fmt: skip
    assert (precious / "about.json").read_text() == "precious"
    assert (parts / "mine.txt").read_text() == "mine"


def test_a_folder_that_still_grows_is_of_a_live_call(tmp_path: Path) -> None:
    parts = torn(tmp_path, OLD)
    (found,) = recordings(tmp_path)
    assert not found.is_live(time.time())
    now = (parts / "user.opus").stat().st_mtime + LIVE_S - 1
    assert found.is_live(now)
    bundle(tmp_path, NEW)
    assert not recordings(tmp_path)[1].is_live(time.time())


@given(st.lists(st.integers(0, 100_000), max_size=20), st.integers(1, 60))
def test_retention_takes_those_older_than_its_days_and_no_others(
    hours: list[int], days: int
) -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    every = [Recording(str(n), now - timedelta(hours=age), ()) for n, age in enumerate(hours)]
    taken = {one.session for one in outdated(every, days, now)}
    assert taken == {str(n) for n, age in enumerate(hours) if age > 24 * days}
