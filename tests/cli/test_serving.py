"""Who serves a port, and who may take its place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from talkover.cli.serving import Serving

HOLD = """
import sys
from pathlib import Path
from talkover.cli.serving import Serving
with Serving(Path(sys.argv[1]), int(sys.argv[2])).told():
    print("here", flush=True)
    sys.stdin.read()
"""


def held(folder: Path, port: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(port)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "here\n"
    return process


def test_the_process_that_serves_the_port_is_told_to_stop_and_no_other(tmp_path: Path) -> None:
    same, other = held(tmp_path, 8080), held(tmp_path, 80)
    serving = Serving(tmp_path, 8080)
    with serving.told():
        assert serving.replace() == [same.pid]
    assert same.wait(20) == -15
    assert other.poll() is None
    other.communicate("")


def test_a_process_that_is_gone_is_not_told_whoever_has_its_id_now(tmp_path: Path) -> None:
    stale = tmp_path / f"serving-8080-{os.getppid()}.lock"
    stale.touch()
    assert Serving(tmp_path, 8080).replace() == []
    assert not stale.exists()
