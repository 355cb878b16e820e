"""Recorded calls: a real server writes them, and `talkover replay` runs them again."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shutil
import time
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import websockets
from bundle.sound import decoded, level
from cli.process import talkover, until
from e2e import browser as b
from e2e.server import Server, spoken
from playwright.sync_api import Page

from talkover.bundle.file import Bundle, read_bundle
from talkover.cli.caller import Caller, read_wav

pytestmark = pytest.mark.e2e


def bundles(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.talkover"))


async def interrupted(url: str, folder: Path) -> None:
    """A call in which the user asks, cuts in and is answered."""
    async with Caller(url) as call:
        created = await call.wait_for("session.created")
        assert created["session"]["recording"] is True
        await call.wait_for("output_audio_buffer.stopped")
        call.play(*read_wav(spoken("tell me a story", folder)))
        await call.wait_for("output_audio_buffer.started", 2)
        await asyncio.sleep(2.5)
        call.play(*read_wav(spoken("what time is it what time is it", folder)))
        done = await call.wait_for("response.done", 2)
        assert done["response"]["status"] == "cancelled"
        await call.wait_for("output_audio_buffer.stopped", 2)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("recorded")
    server = Server(folder, "--record", "calls")
    try:
        assert "every call is recorded" in server.log and "into calls" in server.log
        assert json.loads(server.get("/console.json"))["recording"] is True
        asyncio.run(interrupted(server.url, folder))
        until(lambda: bundles(folder / "calls"))
    finally:
        server.stop()
    (file,) = bundles(folder / "calls")
    names = {each.name for each in (folder / "calls").iterdir()}
    assert names == {file.name, f"{file.stem}.txt"}
    yield file


def said(bundle: Bundle, type: str) -> list[tuple[float, dict[str, Any]]]:
    return [(ms / 1000, event) for ms, event in bundle.events if event["type"] == type]


def test_a_replay_reproduces_every_decision_and_tells_why(recorded: Path) -> None:
    done = talkover(recorded.parent, "replay", recorded.name)
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    assert re.search(r"user +tell me a story", told) and re.search(r"user +what time is it", told)
    assert re.search(r"held: \d{3} ms of voice", told)
    assert re.search(r"cancelled: .*(content words|ms of voice)", told)
    assert re.search(r"agent +Once there was .* \| .* … \(\d+ words unheard\)", told)
    assert re.search(r"all \d+ decisions come out as recorded", told)
    facts = [one for _, one in said(read_bundle(recorded), "talkover.decision")]
    assert int(re.findall(r"all (\d+) decisions", told)[0]) == len(facts) >= 3


def test_a_transcript_beside_it_says_who_said_what_and_when_as_it_was_heard(
    recorded: Path,
) -> None:
    text = recorded.with_suffix(".txt").read_text()
    bundle = read_bundle(recorded)
    assert text.startswith(f"{bundle.about['session']}, {bundle.about['began']}, with the agent ")
    lines = text.splitlines()[2:]
    said = [tuple(re.split(r"  +", line.strip(), maxsplit=2)) for line in lines]
    assert [who for _, who, *_ in said[:4]] == ["agent", "user", "agent", "user"]
    (_, _, greeting), (at, _, asked), (_, _, story), (_, _, cut_in) = said[:4]
    assert greeting.startswith("Hello!") and asked == "tell me a story"
    assert re.match(r"Once there was .* … \(cut off\)$", story) and "what time is it" in cut_in
    started = [e for _, e in bundle.events if e["type"] == "input_audio_buffer.speech_started"]
    assert at == f"0:{started[0]['audio_start_ms'] / 1000:04.1f}"
    assert said[-1][1] == f"({bundle.about['ended']})"


def test_recordings_are_listed_and_deleted_by_session(recorded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    shutil.copytree(recorded.parent, folder)
    (folder / "notes.txt").write_text("mine")
    session = read_bundle(recorded).about["session"]
    listed = talkover(tmp_path, "recordings", "list", "--record", "calls")
    (line,) = listed.stdout.splitlines()
    assert re.match(rf"{session}  \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d +0:00:\d\d +0.\d MB  demo", line)
    wrong = talkover(tmp_path, "recordings", "delete", "sess_x", "--record", "calls")
    assert wrong.returncode == 2 and "Nothing is recorded of sess_x" in wrong.stderr
    # The folder may as well be set as it is for serve.
    done = talkover(tmp_path, "recordings", "delete", session, env={"TALKOVER_RECORD": str(folder)})
    assert (done.returncode, done.stdout) == (0, f"deleted {session}\n"), done.stderr
    assert [each.name for each in folder.iterdir()] == ["notes.txt"]
    none = talkover(tmp_path, "recordings", "list")
    assert none.returncode == 2 and "--record" in none.stderr


def test_one_turn_is_shown_by_itself(recorded: Path) -> None:
    told = talkover(recorded.parent, "replay", recorded.name, "--turn", "2").stdout
    assert "#2" in told and "what time is it" in told and "ducked" in told and "cancelled" in told
    assert "#1" not in told and "tell me a story" not in told


def test_another_setting_names_the_decisions_it_would_change(recorded: Path) -> None:
    done = talkover(
        recorded.parent, "replay", recorded.name,
        "--set", "turn.interrupt_words=9", "--set", "turn.interrupt_ms=5000",
        "--set", "turn.interrupt_wordless_ms=5000", "--set", "turn.silence_complete_ms=800",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"with interrupt_words=9, .* turns change:", done.stdout)
    assert re.search(r"was +cancelled: ", done.stdout) and "would" in done.stdout
    assert re.search(r"would +turn over: .*800 ms of silence", done.stdout)
    wrong = talkover(recorded.parent, "replay", recorded.name, "--set", "turn.silence=3")
    assert wrong.returncode == 2 and "is no turn setting" in wrong.stderr


def test_a_turn_becomes_a_test_that_passes(recorded: Path, tmp_path: Path) -> None:
    for turn in (1, 2):
        made = talkover(tmp_path, "replay", str(recorded), "--turn", str(turn), "--as-test")
        assert made.returncode == 0, made.stderr
        names: dict[str, Any] = {}
        exec(compile(made.stdout, "<turn>", "exec"), names)
        (test,) = (value for name, value in names.items() if name.startswith("test_"))
        test()
        with zipfile.ZipFile(recorded) as file:
            turns = json.loads(file.read("turns.json"))
        assert turns[turn - 1]["turn"] == turn and turns[turn - 1]["test"] == made.stdout
    none = talkover(tmp_path, "replay", str(recorded), "--turn", "99", "--as-test")
    assert none.returncode == 2 and "There is no turn 99" in none.stderr


def test_a_changed_machine_is_reported_by_the_exit_code(recorded: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.talkover"
    with zipfile.ZipFile(recorded) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "trace.jsonl":
                first, rest = content.split(b"\n", 1)
                policy = json.loads(first)
                policy["given"]["TurnPolicy"]["silence_complete_ms"] += 50
                content = json.dumps(policy).encode() + b"\n" + rest
            new.writestr(name, content)
    done = talkover(tmp_path, "replay", str(other))
    assert done.returncode == 1 and "come out otherwise" in done.stdout


def test_both_sides_play_on_one_time_axis(recorded: Path) -> None:
    bundle = read_bundle(recorded)
    lasted = bundle.about["seconds"]
    with zipfile.ZipFile(recorded) as file:
        user, agent = (decoded(file.read(name)) for name in ("user.opus", "agent.opus"))
    for sound in (user, agent):
        assert len(sound) / 48_000 == pytest.approx(lasted, abs=0.05)
    # The user may pause within what they say over the story: that is another onset.
    for _, event in said(bundle, "input_audio_buffer.speech_started")[:2]:
        onset = event["audio_start_ms"] / 1000
        assert level(user, onset - 0.6, onset - 0.2) < 0.01, "silent until the voice began"
        assert level(user, onset, onset + 0.3) > 0.02
    (greeting, _), (story, _), (time, _), *_ = said(bundle, "output_audio_buffer.started")
    for begun in (greeting, story, time):
        assert level(agent, begun + 0.02, begun + 0.6) > 0.02, "the agent's voice where it sounded"
    assert level(agent, story - 0.35, story - 0.03) < 0.005
    (cut, _) = next(
        (at, one) for at, one in said(bundle, "talkover.decision") if one["decision"] == "interrupt"
    )
    assert level(agent, cut + 0.03, time - 0.03) < 0.005, "silent after it was cancelled"


def test_the_bundle_says_what_made_it(recorded: Path) -> None:
    about = read_bundle(recorded).about
    assert about["format"] == 1 and about["complete"] is True and about["talkover"]
    assert about["agent"] == "demo" and about["transport"] == "udp"
    assert [one["role"] for one in about["engines"]] == ["stt", "llm", "tts"]


async def done(socket: websockets.ClientConnection) -> None:
    """Read to the end of the next response."""
    async with asyncio.timeout(20):
        while json.loads(await socket.recv())["type"] != "response.done":
            pass


async def test_a_websocket_session_is_recorded_as_opus_too(tmp_path: Path) -> None:
    server = Server(tmp_path, "--record", "calls")
    pcm, rate = read_wav(spoken("what time is it", tmp_path))
    wide = np.interp(
        np.arange(0, len(pcm) // 2, rate / 24_000),
        np.arange(len(pcm) // 2), np.frombuffer(pcm, np.int16),
    ).astype(np.int16).tobytes()  # fmt: skip
    try:
        url = server.url.replace("http", "ws") + "/v1/realtime?model=x&extensions=talkover"
        async with websockets.connect(url) as socket:
            await done(socket)
            sound = wide + bytes(48_000)
            for at in range(0, len(sound), 960):
                audio = base64.b64encode(sound[at : at + 960]).decode()
                event = {"type": "input_audio_buffer.append", "audio": audio}
                await socket.send(json.dumps(event))
                await asyncio.sleep(0.02)
            await done(socket)
        await asyncio.to_thread(until, lambda: bundles(tmp_path))
    finally:
        server.stop()
    (file,) = bundles(tmp_path)
    bundle = read_bundle(file)
    with zipfile.ZipFile(file) as parts:
        user, agent = (decoded(parts.read(name)) for name in ("user.opus", "agent.opus"))
    assert len(user) / 48_000 == pytest.approx(bundle.about["seconds"], abs=0.05)
    (onset, _), (over, _) = (
        said(bundle, f"input_audio_buffer.speech_{what}")[0] for what in ("started", "stopped")
    )
    assert level(user, onset, over - 0.5) > 0.02
    assert level(user, 0.0, onset - 0.6) < 0.001, "the caller was silent during the greeting"
    assert float(np.abs(agent).max()) > 0.1
    assert talkover(tmp_path, "replay", str(file)).returncode == 0


async def test_nothing_is_recorded_unless_asked_for(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        assert "recorded" not in server.log
        assert json.loads(server.get("/console.json"))["recording"] is False
        async with Caller(server.url) as call:
            created = await call.wait_for("session.created")
            assert "recording" not in created["session"]
            await call.wait_for("output_audio_buffer.started")
    finally:
        server.stop()
    assert not bundles(tmp_path)


async def test_a_crash_leaves_what_can_be_replayed_so_far(tmp_path: Path) -> None:
    server = Server(tmp_path, "--record", "calls")
    try:
        async with Caller(server.url) as call:
            await call.wait_for("output_audio_buffer.stopped")
            call.play(*read_wav(spoken("what time is it", tmp_path)))
            await call.wait_for("output_audio_buffer.stopped", 2)
            trace = next((tmp_path / "calls").glob("*.recording")) / "trace.jsonl"
            await asyncio.to_thread(until, lambda: b'"CommitTurn"' in trace.read_bytes())
            (session,) = {one["session"]["id"] for one in call.of("session.created")}
            live = await asyncio.to_thread(
                talkover, tmp_path, "recordings", "delete", session, "--record", "calls"
            )
            assert live.returncode == 2 and "is being recorded now" in live.stderr
            call.type("tell me a story")
            await call.wait_for("output_audio_buffer.started", 3)
            await asyncio.sleep(3)
            age = time.time()
            server.process.kill()
            server.process.wait()
    finally:
        server.process.kill()
    with trace.open("ab") as file:
        file.write(b'{"now": 12.5, "giv')
    done = talkover(tmp_path, "replay", str(trace.parent))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cut off by a crash" in done.stdout and "what time is it" in done.stdout
    began = datetime.fromisoformat(read_bundle(trace.parent).about["began"]).timestamp()
    sound = decoded((trace.parent / "agent.opus").read_bytes())
    assert age - began - 3.5 < len(sound) / 48_000 <= age - began + 1
    (transcript,) = (tmp_path / "calls").glob("*.txt")
    assert "tell me a story (typed)" in transcript.read_text()
    listed = talkover(tmp_path, "recordings", "list", "--record", "calls")
    assert session in listed.stdout
    assert not bundles(tmp_path / "calls")


async def test_a_folder_that_goes_away_ends_the_recording_and_not_the_call(tmp_path: Path) -> None:
    server = Server(tmp_path, "--record", "calls")
    try:
        (tmp_path / "calls").rmdir()
        (tmp_path / "calls").write_text("in the way")
        async with Caller(server.url) as call:
            await call.until(lambda: any(
                "recording" not in e["session"] for e in call.of("session.updated")))  # fmt: skip
            call.type("what time is it")
            done = await call.wait_for("response.done", 2)
            assert done["response"]["status"] == "completed"
        assert "a recording stopped" in server.log
    finally:
        server.stop()


def test_what_is_no_bundle_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "no.talkover").write_bytes(b"PK\x03\x04 no")
    with zipfile.ZipFile(tmp_path / "old.talkover", "w") as file:
        file.writestr("about.json", '{"format": 99, "talkover": "9.9"}')
    with zipfile.ZipFile(tmp_path / "odd.talkover", "w") as file:
        file.writestr("about.json", '{"format": 1, "complete": true}')
        file.writestr("trace.jsonl", '{"now": 1, "given": {"Heard": 3}, "made": []}\n')
        file.writestr("facts.jsonl", "")
    for name in ("no", "none", "old", "odd"):
        done = talkover(tmp_path, "replay", f"{name}.talkover")
        assert done.returncode == 2 and done.stderr.startswith("talkover: "), done.stderr
        assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1


DROP = """async ([name, bytes]) => {
    const file = new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name);
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(file);
    dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));
}"""


def drop(page: Page, file: Path) -> None:
    page.evaluate(DROP, [file.name, base64.b64encode(file.read_bytes()).decode()])


def test_the_page_opens_a_bundle_that_is_dropped_on_it(recorded: Path, tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        with b.browsing(server.url, b.silence(tmp_path)) as page:
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            drop(page, recorded)
            shown = page.get_by_test_id("recording")
            shown.wait_for()
            said = shown.inner_text()
            assert "what time is it" in said and "Once there was" in said and "unheard" in said
            turns = page.get_by_test_id("decisions-of-turn")
            assert "turn over: " in turns.nth(0).inner_text()
            assert "cancelled: " in turns.nth(1).inner_text()
            turns.nth(1).get_by_role("button", name="Copy as test").click()
            page.wait_for_function("() => navigator.clipboard.readText().then((t) => t !== '')")
            copied = page.evaluate("() => navigator.clipboard.readText()")
            made = talkover(tmp_path, "replay", str(recorded), "--turn", "2", "--as-test")
            assert copied == made.stdout
            turns.nth(1).get_by_role("button", name=" s").last.click()
            at = float(shown.locator("input").input_value())
            assert at == pytest.approx(read_bundle(recorded).about["seconds"], abs=5) and at > 3
            shown.get_by_role("button", name="Play").click()
            page.wait_for_function(
                "(at) => document.querySelector('.recording input').valueAsNumber > at + 0.5",
                arg=at,
            )
            b.picture(page, "recording")
            shown.get_by_role("button", name="Pause").click()
            shown.get_by_role("button", name="Close").click()
            assert shown.count() == 0
    finally:
        server.stop()


def test_the_page_says_what_is_wrong_with_a_file_and_whether_calls_are_recorded(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path, "--record", "calls")
    try:
        with b.browsing(server.url, b.silence(tmp_path)) as page:
            page.get_by_test_id("recorded").wait_for()
            (tmp_path / "holiday.jpg").write_bytes(b"\xff\xd8\xff")
            page.get_by_test_id("recording-file").set_input_files(tmp_path / "holiday.jpg")
            notice = page.get_by_test_id("notice")
            notice.wait_for()
            assert "holiday.jpg cannot be opened: it is no zip archive" in notice.inner_text()
    finally:
        server.stop()
