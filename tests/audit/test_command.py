"""`talkover audit` as a command: what it prints, and what its exit says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from audit import python_flaws
from cli.process import Models, Serving, talkover

SEVERE = python_flaws.FLAWED["sync-in-async"]["slow.py"]


def test_a_severe_finding_is_exit_one_and_nothing_severe_is_none(tmp_path: Path):
    well, ill = tmp_path / "well", tmp_path / "ill"
    well.mkdir()
    ill.mkdir()
    (well / "app.py").write_text("x = 1\n")
    (ill / "slow.py").write_text(SEVERE)
    ran = talkover(tmp_path, "audit", "well")
    assert ran.returncode == 0 and "**Nothing was found" in ran.stdout, ran
    ran = talkover(tmp_path, "audit", "well", "ill", "--html", "report.html")
    assert ran.returncode == 1 and "slow.py:4" in ran.stdout, ran
    page = (tmp_path / "report.html").read_text()
    assert page.count("<h1>") == 2 and "slow.py:4" in page
    ran = talkover(tmp_path, "audit", "ill", "--json")
    (report,) = json.loads(ran.stdout)["reports"]
    assert report["severe"] and report["findings"][0]["id"] == "sync-in-async"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "neither a URL nor a folder"),
        (("http://127.0.0.1:9/", "--as", "smtp"), "--as takes"),
        (("http://127.0.0.1:9/", "--data", "@nothing"), "cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_audited_is_exit_two(arguments: tuple[str, ...], said: str, tmp_path: Path):
    ran = talkover(tmp_path, "audit", *arguments)
    assert ran.returncode == 2 and said in ran.stderr and "Traceback" not in ran.stderr, ran


def test_a_servers_root_is_asked_what_else_it_has(tmp_path: Path):
    with Models("small", "large") as models:
        ran = talkover(tmp_path, "audit", models.url.removesuffix("v1"), "--seconds", "20")
    assert "small, large" in ran.stdout, ran


@pytest.mark.e2e
def test_talkover_itself_has_nothing_severe(tmp_path: Path):
    with Serving(tmp_path) as serving:
        url = serving.url
        socket = f"{url.replace('http', 'ws', 1)}/v1/realtime"
        ran = talkover(tmp_path, "audit", url, socket, "--json", "--seconds", "45")
    root, line = json.loads(ran.stdout)["reports"]
    assert not root["severe"] and not line["severe"], ran.stdout
    assert ran.returncode == 0
    assert {"media round trip", "call connected"} <= root["facts"].keys()
    assert "interrupted: voice 12 dB lower" in root["facts"], ran.stdout
    assert line["facts"]["silent socket"].startswith("still open")
