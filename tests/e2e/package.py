"""The TypeScript client as its package has it, in a page."""

from __future__ import annotations

import subprocess
from pathlib import Path

from e2e.server import ROOT
from playwright.sync_api import Page


def built(folder: Path) -> Path:
    """The package's own build, in `folder`."""
    subprocess.run(
        ["npx", "vite", "build", "--config", "vite.package.config.ts", "--outDir", folder],
        cwd=ROOT / "js", check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return folder


def served(page: Page, client: Path) -> None:
    """The page finds it under `/client/`."""
    page.route(
        "**/client/*", lambda route: route.fulfill(path=client / Path(route.request.url).name)
    )
