"""What Python is told of the native module is what the module has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from house.tree import PACKAGE


def test_the_stub_describes_the_native_module(tmp_path: Path) -> None:
    # By itself: within the package, mypy would first read the package and all that it imports.
    for name in ("_core.pyi", "_core.abi3.so"):
        (tmp_path / name).symlink_to(PACKAGE / name)
    found = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "_core"], cwd=tmp_path, capture_output=True,
        text=True,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
