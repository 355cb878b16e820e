"""`talkover call` as a person runs it, against a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
import wave
from array import array
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cli.process import Serving, talkover
from e2e.server import spoken

from talkover.cli.caller import Caller
from talkover.demo import agent
from talkover.engines.demo.ear import PocketsphinxEar
from talkover.engines.demo.script import ScriptedModel
from talkover.testing import Talk

pytestmark = pytest.mark.e2e

AGENT = """
from talkover import Agent

agent = Agent("x")

@agent.reply
async def reply(turn):
    if "fail" in turn.text:
        raise RuntimeError("boom")
    yield f"You said: {turn.text}"
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("demo")) as server:
        yield server


def level(samples: array[int]) -> float:
    return (sum(sample * sample for sample in samples) / max(1, len(samples))) ** 0.5


def samples_of(file: Path) -> tuple[array[int], int]:
    with wave.open(str(file), "rb") as source:
        assert (source.getnchannels(), source.getsampwidth()) == (1, 2)
        return array("h", source.readframes(source.getnframes())), source.getframerate()


async def understood(pcm: bytes) -> str:
    """What the embedded ear makes of 16 kHz sound."""
    ear = PocketsphinxEar()
    await ear.warm()
    stream = ear.open("en", lambda _: None)
    try:
        stream.feed(pcm)
        return (await stream.finish()).text
    finally:
        stream.close()
        await ear.close()


async def test_a_spoken_question_is_printed_answered_and_recorded(demo: Serving, tmp_path: Path):
    question = spoken("what is two plus three", tmp_path)
    done = talkover(tmp_path, "call", demo.url, "--play", str(question), "--record", "answer.wav")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    times = [float(at) for at, _ in lines]
    assert times == sorted(times)
    told = [what for _, what in lines if what.startswith(("you", "agent", "connected"))]
    assert told[0].startswith("connected over udp")
    assert [what.split()[0] for what in told[1:]] == ["agent", "you", "agent"]
    assert told[2] == "you    what is two plus three"
    assert told[3] == "agent  Two plus three is five."
    samples, rate = samples_of(tmp_path / "answer.wav")
    assert rate == 16000
    assert 5 < len(samples) / rate < times[-1] + 1
    last = samples[-int(2.5 * rate) :]
    assert 1000 < level(last) < 15000
    # A recogniser that takes "morning" for "learning" still proves which sentence was heard.
    heard = await understood(last.tobytes())
    assert SequenceMatcher(None, heard, told[3].lower()).ratio() > 0.5, heard


def test_media_goes_over_tcp_where_that_is_asked_for(demo: Serving, tmp_path: Path):
    done = talkover(tmp_path, "call", demo.url, "--tcp", "--text", "spell cat")
    assert done.returncode == 0
    assert "connected over tcp" in done.stdout and "C, A, T" in done.stdout


def test_a_question_of_another_shape_is_understood(demo: Serving, tmp_path: Path):
    question, stereo = spoken("what time is it", tmp_path), tmp_path / "stereo.wav"
    subprocess.run(["sox", question, "-r", "44100", "-c", "2", stereo], check=True)
    done = talkover(tmp_path, "call", demo.url, "--play", str(stereo))
    assert "you    what time is it" in done.stdout and "agent  It is" in done.stdout


SCRIPT = r"""
[[step]]
name = "a story, talked over"
text = "tell me a story"
expect_status = "cancelled"

[[step]]
name = "the time"
play = "time.wav"
after = 2.0
expect = 'in the (morning|afternoon|evening)|at night|noon|midnight'

[[step]]
name = "a timer is set"
text = "set a timer for one second"

[[step]]
name = "it rings by itself"
expect = "has ended"
"""


def test_a_script_talks_over_an_answer_and_reports(demo: Serving, tmp_path: Path):
    shutil.move(spoken("what time is it", tmp_path), tmp_path / "time.wav")
    (tmp_path / "talk.toml").write_text(SCRIPT)
    done = talkover(tmp_path, "call", demo.url, "--script", "talk.toml", "--junit", "out.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(cancelled: turn_detected)" in done.stdout
    assert re.search(r"\(heard: Once there was [^)]{,60}\)", done.stdout)
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("4", "0")
    assert 2 < float(suite[0].get("time", "0")) < 6


def test_the_same_script_goes_the_same_way_in_virtual_time(tmp_path: Path):
    shutil.move(spoken("what time is it", tmp_path), tmp_path / "time.wav")
    (tmp_path / "talk.toml").write_text(SCRIPT)
    words = {"time.wav": "what time is it"}
    talk = Talk.from_toml(agent, tmp_path / "talk.toml", words=words, llm=ScriptedModel())
    result = talk.run()
    assert not result.failures, result
    story = next(turn for turn in result.turns if turn.interrupted)
    assert re.fullmatch(r"Once there was .{,60}", story.heard), result


def test_an_expectation_that_fails_is_told_in_words_and_in_the_report(
    demo: Serving, tmp_path: Path
):
    (tmp_path / "talk.toml").write_text('[[step]]\nname = "no"\ntext = "spell cat"\nexpect = "dog"')
    done = talkover(tmp_path, "call", demo.url, "--script", "talk.toml", "--junit", "out.xml")
    assert done.returncode == 1
    assert re.search(r"FAIL no: expected /dog/, heard: C, A, T", done.stdout)
    (fault,) = ElementTree.parse(tmp_path / "out.xml").getroot().iter("failure")
    assert "expected /dog/" in fault.get("message", "")


def test_the_exit_code_says_how_it_went(tmp_path: Path):
    (tmp_path / "own.py").write_text(AGENT)
    with Serving(tmp_path, "own.py", "--key", "k") as server:
        good = talkover(tmp_path, "call", server.url, "--token", "k", "--text", "hello")
        assert good.returncode == 0 and "agent  You said: hello" in good.stdout
        failed = talkover(tmp_path, "call", server.url, "--token", "k", "--text", "fail")
        assert failed.returncode == 1 and "(failed: " in failed.stdout
        refused = talkover(tmp_path, "call", server.url, "--token", "wrong", "--text", "hello")
        assert refused.returncode == 2 and "refused (401)" in refused.stderr
        assert refused.stderr.count("\n") == 1
        url = server.url
    gone = talkover(tmp_path, "call", url, "--text", "hello")
    assert gone.returncode == 2 and "cannot be reached" in gone.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--play", "none.wav"], "none.wav cannot be read as WAV"),
        (["--text", "a", "--play", "b.wav"], "--play and --text do not go together"),
        (["--text", "a", "--junit", "out.xml"], "--junit tells how a --script went"),
        (["--script", "none.toml"], "none.toml"),
        ([], "--play, --text or --script"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    demo: Serving, tmp_path: Path, arguments: list[str], words: str
):
    done = talkover(tmp_path, "call", demo.url, *arguments)
    assert done.returncode == 2
    assert words in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.slow
async def test_a_call_outlives_a_long_silence(tmp_path: Path):
    (tmp_path / "own.py").write_text(AGENT)
    with Serving(tmp_path, "own.py") as server:
        async with Caller(server.url) as call:
            with pytest.raises(TimeoutError):
                # A caller that hears nothing at all for 20 s takes the server for gone.
                await call.until(lambda: False, 23)
            call.type("hello")
            await call.wait_for("output_audio_buffer.stopped")


@pytest.mark.slow
def test_a_hundred_calls_at_once_are_all_answered(demo: Serving, tmp_path: Path):
    done = talkover(tmp_path, "call", demo.url, "--calls", "100", env={})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100 calls, 0 failed" in done.stdout
    for name in ("connected", "answer audible"):
        assert re.search(rf"{name} +100 of  p50 +\d+  p95 +\d+  p99 +\d+ ms", done.stdout)


def test_the_version_is_printed(tmp_path: Path):
    done = talkover(tmp_path, "--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "talkover")
