"""Files and functions stay small enough to be read at once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from house.tree import ROOT, files

FILE_LINES = 800
FUNCTION_LINES = 60

BEGINS = {
    ".rs": re.compile(r"(\s*)(?:pub(?:\(\w+\))? )?(?:const |async )*fn (\w+)"),
    ".ts": re.compile(
        r"(\s*)(?:export )?(?:default )?(?:async )?(?:"
        r"function\s*(\w+)|(?:const|let) (\w+) = .*=> \{$|"
        r"(?!if|for|while|switch|catch|return)(?:\w+ )*([\w#]+)\(.*\{$)"
    ),
}


@pytest.mark.parametrize("suffix", [".py", ".pyi", ".rs", ".ts", ".js", ".css", ".html", ".sh"])
def test_files_are_short(suffix: str) -> None:
    long = {
        str(file.relative_to(ROOT)): count
        for file in files(suffix)
        if (count := len(file.read_text().splitlines())) > FILE_LINES
    }
    assert not long, f"more than {FILE_LINES} lines: {long}"


@pytest.mark.parametrize("suffix", [".py", ".rs", ".ts"])
def test_functions_are_short(suffix: str) -> None:
    long = {
        f"{file.relative_to(ROOT)}: {name}": count
        for file in files(suffix)
        for name, count in _functions(file)
        if count > FUNCTION_LINES
    }
    assert not long, f"more than {FUNCTION_LINES} lines: {long}"


@pytest.mark.parametrize(
    ("suffix", "source"),
    [
        (".rs", "impl A {\n    pub(crate) fn name(&self) {\n        a {\n        }\n    }\n}\n"),
        (".ts", "  async name(a: string): Promise<void> {\n    if (a) {\n    }\n  }\n"),
        (".ts", "const name = async () => {\n  a;\n  b;\n};\n"),
        (".ts", "export function name(\n  a: string,\n): void {\n}\n"),
        (".py", "def name():\n    a\n    b\n    c\n"),
    ],
)
def test_a_function_is_measured_from_its_name_to_its_end(suffix: str, source: str, tmp_path: Path):
    file = tmp_path / f"one{suffix}"
    file.write_text(source)
    assert list(_functions(file)) == [("name", 4)]


def _functions(file: Path) -> Iterator[tuple[str, int]]:
    if file.suffix == ".py":
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1
        return
    lines = file.read_text().splitlines()
    for start, line in enumerate(lines):
        if (begin := BEGINS[file.suffix].match(line)) is None:
            continue
        indent, *names = begin.groups()
        # Formatted code closes a function at the indent where it began.
        for end in range(start, len(lines)):
            if lines[end].startswith(f"{indent}}}"):
                yield next(filter(None, names)), end - start + 1
                break
            if lines[end].rstrip().endswith((";", "}")) and not lines[end].startswith(f"{indent} "):
                break
