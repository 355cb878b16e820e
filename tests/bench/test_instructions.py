"""What a packet costs, counted: a way that grew by more than a twentieth fails here."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench import instructions  # noqa: E402 - the benchmarks are no package of the installation

PROFILE = """\
events: Ir
fn=(1) talkover_media::peer::Peer::receive
0 10
+3 5
cfn=(2) silk_decode_core
calls=1 0
* 900
fn=(2)
0 900
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not on the PATH")
def test_no_way_of_a_packet_takes_more_instructions_than_the_baseline_allows() -> None:
    baseline = json.loads(instructions.BASELINE.read_text())
    if baseline["compiler"] != instructions.compiler():
        pytest.skip(f"the baseline is of {baseline['compiler']}")
    grown = instructions.grown(instructions.measure(), baseline["instructions_a_packet"])
    assert not grown, "\n".join([*grown, "If it is worth it: python -m bench.instructions --write"])


def test_a_functions_own_code_is_told_from_what_it_calls() -> None:
    found = instructions.own(PROFILE.splitlines())
    assert found == {"talkover_media::peer::Peer::receive": 15, "silk_decode_core": 900}
    assert [instructions.part(name) for name in found] == ["ours", ""]


def test_a_twentieth_more_is_growth_and_a_few_instructions_are_not() -> None:
    before = {"way": {"ours": 10_000, "std": 300}}
    assert not instructions.grown({"way": {"ours": 10_400, "std": 390}}, before)
    assert len(instructions.grown({"way": {"ours": 10_600, "std": 300}}, before)) == 1
