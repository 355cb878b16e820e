"""Whatever people do, in whatever order: what must hold always holds, the same way each time."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from testing.chance import check, conversation

SEEDS = 1000


def run(seeds: range) -> None:
    for seed in seeds:
        talk = conversation(seed)
        result = talk.run()
        wrong = check(talk, result)
        assert not wrong, f"seed {seed}: {wrong}\n{result}"


def test_fifty_conversations_by_chance_go_well():
    run(range(50))


@pytest.mark.slow
def test_a_thousand_conversations_by_chance_go_well():
    run(range(50, 50 + SEEDS))


def digest(seeds: range) -> str:
    whole = hashlib.sha256()
    for seed in seeds:
        whole.update(conversation(seed).run().log())
    return whole.hexdigest()


def test_the_same_seed_gives_the_same_bytes():
    assert digest(range(10)) == digest(range(10))
    assert digest(range(1)) != digest(range(1, 2))


def test_the_same_seed_gives_the_same_bytes_in_another_process():
    tests = Path(__file__).parents[1]
    program = "from testing.test_chance import digest; print(digest(range(10)))"
    path = os.pathsep.join([str(tests.parent / "python"), str(tests)])
    hashes = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    other = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": hashes},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert other.stdout.splitlines()[-1] == digest(range(10))
