"""Any bytes whatever as a source file give a report."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from audit import script_flaws
from hypothesis import example, given, settings
from hypothesis import strategies as st

from talkover.audit.repository.ignore import Ignore
from talkover.audit.repository.judge import judged, signs_of
from talkover.audit.repository.tokens import tokens
from talkover.audit.repository.tree import MOST_LINE, Source, sources

NAMES = ["app.py", "app.ts", "vercel.json", "serverless.yml", "nginx.conf", "Dockerfile"]
CODE = "".join(files[name] for files in script_flaws.FLAWED.values() for name in files)


@settings(deadline=None)
@given(content=st.binary(max_size=300), name=st.sampled_from(NAMES))
@example(content=b"\xff`${`${\\", name="app.ts")
@example(content=b"(" * 5000, name="app.py")
@example(content=b"x = " + b"-" * 5000 + b"1", name="app.py")
@example(content=b"new", name="app.ts")
@example(content=b"export const runtime =", name="app.ts")
@example(content=b"fetch(", name="app.ts")
def test_any_bytes_are_a_source(content: bytes, name: str):
    judged("x", [Source(name, content.decode(errors="replace"))], [])


@given(st.lists(st.integers(0, len(CODE)), min_size=2, max_size=8))
def test_any_pieces_of_code_are_a_source(cuts: list[int]):
    pieces = [CODE[a:b] for a, b in zip(cuts, reversed(cuts), strict=True)]
    for name in ("app.ts", "app.py"):
        judged("x", [Source(name, "".join(pieces))], [])


@given(st.text(max_size=200))
def test_tokens_are_the_text_but_for_space_and_comments(text: str):
    found = tokens(text)
    assert all(a.line <= b.line for a, b in pairwise(found))
    assert sum(len(token.text) for token in found) <= len(text)


@given(st.text(max_size=60), st.text(alphabet="ab/.*", max_size=30))
def test_any_line_may_stand_in_a_gitignore(line: str, path: str):
    Ignore(line).matches(path, folder=False)


@pytest.mark.parametrize(
    "line",
    ["(/[", "'\\", '"\\', "`${", "/*", "a: ", "fetch(", "while(", "=>{", ": Promise<", "new "],
)
def test_hostile_lines_take_no_long_time(line: str):
    text = (line * (MOST_LINE // len(line)) + "\n") * 60
    began = time.process_time()
    signs_of(Source("app.ts", text))
    assert time.process_time() - began < 10


def test_a_file_of_zeros_and_one_that_is_too_long_are_passed_over(tmp_path: Path):
    (tmp_path / "a.py").write_bytes(bytes(100))
    (tmp_path / "b.py").write_bytes(b"x = 1\n" * 200_000)
    (tmp_path / "c.py").symlink_to("/etc/hostname")
    assert sources(tmp_path).files == ()
