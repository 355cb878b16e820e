"""The cookbook has every example, and quotes what is in it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cookbook.md").read_text()
SECTIONS = re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)[1:]


def test_every_example_has_a_section_and_a_row_of_the_table():
    files = {file.name for file in (ROOT / "examples").glob("*.py")}
    linked = [re.findall(r"\]\(\.\./examples/(\w+\.py)\)", section) for section in SECTIONS]
    assert sorted(name for names in linked for name in names) == sorted(files)
    assert set(re.findall(r"^\| \[(\w+\.py)\]", PAGE, re.MULTILINE)) == files


def test_what_it_quotes_is_in_the_file():
    quoted = 0
    for section in SECTIONS:
        file = ROOT / "examples" / re.findall(r"examples/(\w+\.py)", section)[0]
        for block in re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
            assert f"\n{block}" in file.read_text(), f"{file.name} has no such lines:\n{block}"
            quoted += 1
    assert quoted == len(SECTIONS)


def test_the_rows_lead_to_sections():
    anchors = {re.sub(r"[^\w -]", "", s.split("\n")[0]).lower().replace(" ", "-") for s in SECTIONS}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= anchors
