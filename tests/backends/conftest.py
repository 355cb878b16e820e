from __future__ import annotations

from pathlib import Path

import pytest
from backends.rig import packed


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tarball of the client's package."""
    return packed(tmp_path_factory.mktemp("package"))
