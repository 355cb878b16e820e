"""How many instructions a packet takes, by way: a guard that no load of the machine disturbs.

Each way (a caller's voice in, the agent's voice out, a check, a stranger's packet) is walked in
simulated time under `valgrind --tool=callgrind`. `--write` makes the result the new baseline.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .report import ROOT, Report, arguments, say, table

WAYS = {"voice_in": 250, "voice_out": 250, "a_check": 1000, "a_stranger": 3000}
"""Packets of each."""
MOST_S = 120.0
"""For one way; it takes seconds."""
BASELINE = ROOT / "bench" / "instructions.json"
MOST_GROWTH = 1.05
LEAST_GROWTH = 100
"""Instructions a packet: less is no growth. Hashers are seeded anew in each run."""
PARTS = (
    ("ours", re.compile(r"\b(talkover_media|instructions)::")),
    ("detector", re.compile(r"\bearshot::")),
    ("transport", re.compile(r"\b(str0m\w*|sctp_proto|is|dimpl)::")),
    ("", re.compile(r"\b(opus\w*|aws_lc\w*|rustfft|std_detect)::")),
    ("std", re.compile(r"::")),
)
"""Part of a function, by its name; the first that fits. What fits none, or the nameless part, does
not count."""
GOALS = {"growth_percent_at_most": round(100 * MOST_GROWTH - 100)}
METHOD = (
    "callgrind's count of instructions executed in functions' own code, within the function of "
    "one way, by packet. Counted is what is compiled from Rust for any CPU: our crate, the "
    "detector (earshot), the transport (str0m and its parts), and of the standard library what "
    "was not inlined. Not counted is what picks its code by the CPU it finds: libopus, the crypto "
    "library, the C library (copies, allocation), and the FFT. So the counts repeat on another "
    "machine with the same compiler; hashers are seeded at random, which moves them by a few "
    "instructions."
)


class Missing(RuntimeError):
    """What is needed is not here."""


def build() -> Path:
    """The program that walks."""
    made = subprocess.run(
        ["cargo", "build", "--locked", "--profile", "bench", "-p", "talkover-media",
         "--bench", "instructions", "--message-format", "json-render-diagnostics"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    for line in made.stdout.splitlines():
        told = json.loads(line)
        if told.get("executable") and told["target"]["name"] == "instructions":
            return Path(told["executable"])
    raise Missing("cargo built no bench 'instructions'.")


def compiler() -> str:
    """Another one makes other instructions."""
    told = subprocess.run(
        ["rustc", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return told.stdout.strip()


def own(lines: Iterable[str]) -> Counter[str]:
    """Instructions of each function's own code, from a file of callgrind's (its format is in
    valgrind's manual, "Callgrind Format Specification")."""
    names: dict[str, str] = {}
    found: Counter[str] = Counter()
    function, inclusive = "", False
    for line in lines:
        if header := re.match(r"c?fn=\((\d+)\)(?: (.*))?", line):
            number, name = header.groups()
            if name:
                names[number] = name
            if not line.startswith("c"):
                function = names[number]
        elif line.startswith("calls="):
            inclusive = True
        elif cost := re.match(r"[+*-]?\d* (\d+)$", line):
            if not inclusive:
                found[function] += int(cost[1])
            inclusive = False
    return found


def part(function: str) -> str:
    return next((name for name, pattern in PARTS if pattern.search(function)), "")


def count(program: Path, way: str, packets: int, folder: Path) -> dict[str, int]:
    """Instructions a packet, by part."""
    file = folder / way
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}",
         f"--toggle-collect=*way_of_{way}*", str(program), way, str(packets)],
        capture_output=True, text=True, timeout=MOST_S,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    with file.open() as lines:
        functions = own(lines)
    parts: Counter[str] = Counter()
    for function, cost in functions.items():
        parts[part(function)] += cost
    return {name: round(parts[name] / packets) for name, _ in PARTS if name}


def measure() -> dict[str, dict[str, int]]:
    """All ways. Missing, with what to do."""
    for tool, why in (("valgrind", "apt-get install valgrind"), ("cargo", "https://rustup.rs")):
        if shutil.which(tool) is None:
            raise Missing(f"Counting instructions needs {tool}: {why}.")
    program = build()
    with tempfile.TemporaryDirectory() as name:
        found: dict[str, dict[str, int]] = {}
        for way, packets in WAYS.items():
            say(f"{way}, {packets} packets")
            found[way] = count(program, way, packets, Path(name))
    return found


def grown(found: dict[str, dict[str, int]], baseline: dict[str, dict[str, int]]) -> list[str]:
    """What takes more than it may, in words."""
    return [
        f"{way}, {name}: {now} instructions a packet, {before} in the baseline"
        for way, parts in found.items() for name, now in parts.items()
        if (before := baseline[way][name]) * MOST_GROWTH < now and now - before > LEAST_GROWTH
    ]  # fmt: skip


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--write", action="store_true", help="make this the new baseline")
    asked: argparse.Namespace = parser.parse_args()
    report = Report("instructions", asked)
    try:
        found = measure()
    except Missing as error:
        sys.exit(str(error))
    now: dict[str, Any] = {"compiler": compiler(), "instructions_a_packet": found}
    if asked.write:
        BASELINE.write_text(json.dumps(now, indent=1) + "\n")
    baseline = json.loads(BASELINE.read_text())
    report.write(METHOD, GOALS, now | {"baseline": baseline})
    before = baseline["instructions_a_packet"]
    rows = [
        [way, name, count, before[way][name]]
        for way, parts in found.items() for name, count in parts.items()
    ]  # fmt: skip
    table("instructions a packet", ("way", "part", "now", "baseline"), rows)


if __name__ == "__main__":
    main()
