"""What `make help` offers is there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from house.tree import ROOT, files

MAKEFILE = (ROOT / "Makefile").read_text()


def test_every_script_that_make_runs_exists() -> None:
    named = set(re.findall(r"\bscripts/[\w.-]+", MAKEFILE))
    assert named
    missing = {name for name in named if not os.access(ROOT / name, os.X_OK)}
    assert not missing, f"the Makefile runs what is not there: {sorted(missing)}"


def test_every_target_is_listed_by_help() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, check=True, capture_output=True,
        text=True,
    ).stdout  # fmt: skip
    listed = {line.split()[0] for line in shown.splitlines()}
    assert phony is not None
    assert (listed | {"fmt", "help"}) == set(phony[1].split())


@pytest.mark.parametrize("script", files(".sh"), ids=lambda file: file.name)
def test_a_script_is_sound_and_stops_at_the_first_error(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)
    if script.name != "lib.sh":
        assert "set -euo pipefail" in script.read_text()
