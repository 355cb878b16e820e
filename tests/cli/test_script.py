"""Scripts for `talkover call`: what is accepted, and the report."""

from __future__ import annotations

import wave
from pathlib import Path
from xml.etree import ElementTree

import pytest

from talkover.cli.script import Outcome, Step, read_script, write_report
from talkover.errors import InputError


def test_a_script_is_read_with_its_defaults(tmp_path: Path):
    with wave.open(str(tmp_path / "q.wav"), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(b"\0\0" * 80)
    (tmp_path / "talk.toml").write_text(
        '[[step]]\ntext = "hi"\n[[step]]\nname = "b"\nplay = "q.wav"\nafter = 2\nexpect = "x+"\n'
    )
    one, two = read_script(tmp_path / "talk.toml")
    assert (one.name, one.text, one.expect_status, one.after) == ("step 1", "hi", "completed", None)
    assert (two.name, two.play, two.after, two.within) == ("b", tmp_path / "q.wav", 2.0, 30.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "write [[step]]"),
        ("x = 1\n[[step]]\ntext='a'", "nothing beside"),
        ("[[step]]\ntext = 'a'\nplay = 'b.wav'", "step 1: .*not both"),
        ("[[step]]\nafter = 1", "step 1: there is no answer before"),
        ("[[step]]\ntext = 'a'\n[[step]]\nwithin = -1", "step 2: within"),
        ("[[step]]\nexpect = '('", "step 1: expect"),
        ("[[step]]\nsay = 'a'", "step 1: say"),
        ("[[step]]\nplay = 'none.wav'", "none.wav cannot be read"),
        ("[[step", "talk.toml"),
        ("step = 5", "write"),
    ],
)
def test_a_wrong_script_is_named_with_the_step(tmp_path: Path, text: str, words: str):
    (tmp_path / "talk.toml").write_text(text)
    with pytest.raises(InputError, match=words.replace("[[", r"\[\[")) as found:
        read_script(tmp_path / "talk.toml")
    assert "\n" not in found.value.message


def test_the_report_is_junit(tmp_path: Path):
    good = Outcome(Step(name='says "<hi>"'), 1.25, None)
    bad = Outcome(Step(name="ü"), 0.5, "expected /a<b/, heard: \x00nothing")
    write_report(tmp_path / "out.xml", "talk.toml", [good, bad])
    suites = ElementTree.parse(tmp_path / "out.xml").getroot()
    (suite,) = suites
    assert (suites.tag, suite.tag) == ("testsuites", "testsuite")
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "time", "name")}
    assert counts == {
        "tests": "2", "failures": "1", "errors": "0", "time": "1.750", "name": "talk.toml",
    }  # fmt: skip
    assert [case.get("name") for case in suite] == ['says "<hi>"', "ü"]
    assert [case.get("time") for case in suite] == ["1.250", "0.500"]
    assert [fault.get("message") for fault in suite.iter("failure")] == [
        "expected /a<b/, heard: nothing"
    ]
