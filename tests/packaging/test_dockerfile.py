"""The Dockerfile, as far as it can be checked where no container engine runs."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.server import Server

from talkover.config import Settings

ROOT = Path(__file__).resolve().parents[2]


def steps() -> list[tuple[str, str]]:
    """(instruction, what follows it), continued lines joined, comments left out."""
    lines = [x for x in (ROOT / "Dockerfile").read_text().splitlines() if not x.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (word, rest.strip()) for word, _, rest in (x.partition(" ") for x in joined.split("\n"))
    ]


def last_stage() -> dict[str, str]:
    """What the image that is kept says, by instruction; the last one of each."""
    found: dict[str, str] = {}
    for word, rest in steps():
        if word == "FROM":
            found.clear()
        found[word] = rest
    return found


def copied() -> list[str]:
    """What is copied out of the tree."""
    return [
        source
        for word, rest in steps()
        if word == "COPY" and "--from=" not in rest
        for source in shlex.split(rest)[:-1]
    ]


def environment() -> dict[str, str]:
    return dict(one.split("=", 1) for one in shlex.split(last_stage()["ENV"]))


def test_everything_copied_is_in_the_tree() -> None:
    assert copied()
    missing = [source for source in copied() if not (ROOT / source).exists()]
    assert missing == []


def test_the_context_holds_what_is_copied_and_no_more() -> None:
    kept = [x[1:] for x in (ROOT / ".dockerignore").read_text().splitlines() if x.startswith("!")]
    assert sorted(kept) == sorted({source.split("/")[0] for source in copied()})


def test_nothing_built_here_gets_into_the_context() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    ignored = [x for x in lines if x and x != "*" and x[0] not in "!#"]
    for built in ("js/node_modules", "python/talkover/_core.abi3.so", "python/x/__pycache__",
                  "python/talkover/gateway/static"):  # fmt: skip
        assert any(fnmatch.fnmatch(built, pattern) for pattern in ignored), built


def test_each_stage_that_is_copied_from_is_there() -> None:
    stages = {rest.split(" AS ")[1] for word, rest in steps() if word == "FROM" and " AS " in rest}
    named = set(re.findall(r"from=(\w+)", (ROOT / "Dockerfile").read_text()))
    assert named == stages


def test_the_scripts_that_are_run_are_copied() -> None:
    run = {
        name
        for word, rest in steps()
        if word == "RUN"
        for name in re.findall(r"\bscripts/[\w.-]+", rest)
    }
    assert run and run <= set(copied())
    for name in run:
        for sourced in re.findall(r"^\. (scripts/\S+)", (ROOT / name).read_text(), re.MULTILINE):
            assert sourced in copied()


def test_the_server_is_not_root() -> None:
    user = last_stage()["USER"]
    assert user.isdigit() and int(user) > 0
    assert f"useradd --uid {user} " in last_stage()["RUN"]


def test_one_port_for_http_and_one_for_media_over_udp_and_tcp() -> None:
    http, media = environment()["TALKOVER_PORT"], environment()["TALKOVER_MEDIA_PORT"]
    exposed = set(last_stage()["EXPOSE"].split())
    assert exposed == {f"{http}/tcp", f"{media}/udp", f"{media}/tcp"}


def test_its_settings_are_settings() -> None:
    ours = {n.removeprefix("TALKOVER_").lower() for n in environment() if n.startswith("TALKOVER_")}
    assert {"host", "port", "media_port"} == ours <= set(Settings.model_fields)
    assert environment()["TALKOVER_HOST"] == "0.0.0.0"


@pytest.mark.slow
def test_the_health_check_tells_a_server_from_none(tmp_path: Path) -> None:
    python, *arguments = json.loads(last_stage()["HEALTHCHECK"].split(" CMD ")[1])
    assert python == "python"

    def check(port: str) -> int:
        done = subprocess.run(
            [sys.executable, *arguments], env={**os.environ, "TALKOVER_PORT": port},
            capture_output=True,
        )  # fmt: skip
        return done.returncode

    server = Server(tmp_path)
    port = server.url.rsplit(":", 1)[1]
    try:
        assert check(port) == 0
    finally:
        server.stop()
    assert check(port) != 0
