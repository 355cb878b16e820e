"""The repository's files and the modules in them, for the tests of its rules."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "talkover"
MEDIA = ROOT / "crates" / "talkover-media" / "src"


@functools.cache
def files(*suffixes: str) -> tuple[Path, ...]:
    """What git knows or would take, by the ends of the names."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    found = (ROOT / name for name in listed.split("\0") if name.endswith(suffixes))
    return tuple(sorted(file for file in found if file.is_file()))


def module(file: Path) -> str:
    """The name below `talkover` ("session.reply"); of the package's own file, "__init__"."""
    name = ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
    return name.removesuffix(".__init__")


@functools.cache
def modules() -> dict[str, ast.Module]:
    """Every Python module of the package, by name."""
    return {
        module(file): ast.parse(file.read_text())
        for file in files(".py")
        if file.is_relative_to(PACKAGE)
    }


def imports(name: str) -> Iterator[str]:
    """What a module imports, wherever in it: of ours "talkover.x.y", of others the full name."""
    inside = ["talkover", *name.split(".")]
    is_package = (PACKAGE / name.replace(".", "/")).is_dir()
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = node.level - 1 if is_package else node.level
            base = inside[: len(inside) - up] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                ours = whole.removeprefix("talkover.")
                yield whole if ours in modules() or ours == "_core" else source
