"""The Pion server of `bench/peers/pion`, built where there is Go."""

from __future__ import annotations

import shutil
import subprocess

from .report import ROOT

FOLDER = ROOT / "bench" / "peers" / "pion"
PROGRAM = ROOT / "target" / "pion-echo"


class NoGo(RuntimeError):
    """There is no Go here, or it could not build the server."""


def build() -> list[str]:
    """The command of the server. NoGo, with the reason."""
    if shutil.which("go") is None:
        raise NoGo("Pion is left out: there is no Go on the PATH (https://go.dev/dl).")
    made = subprocess.run(
        ["go", "build", "-o", str(PROGRAM), "."], cwd=FOLDER, capture_output=True, text=True
    )
    if made.returncode != 0:
        raise NoGo(f"Pion is left out: go build failed.\n{made.stderr}")
    return [str(PROGRAM)]
