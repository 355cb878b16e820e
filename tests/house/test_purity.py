"""The cores take (input, now): they read no clock, open no socket, start nothing, log nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from house.tree import MEDIA, files, imports, modules

PURE = {
    "__future__", "array", "base64", "binascii", "bisect", "collections", "collections.abc",
    "dataclasses", "enum", "functools", "itertools", "json", "math", "operator", "re", "typing",
}  # fmt: skip
"""Of the standard library: what computes and does nothing else."""

ALSO = {
    "protocol.config": {"pydantic"},
    "protocol.decoding": {"pydantic"},
    "protocol.logged": {"pydantic"},
    "protocol.text": {"pydantic_core"},
    "audit.outside.http_rules": {"statistics"},
    "audit.outside.model_rules": {"statistics"},
    "audit.outside.sdp": {"ipaddress"},
    "audit.outside.spoken_rules": {"statistics"},
    "audit.outside.webrtc_rules": {"statistics", "urllib.parse"},
    "audit.page.html": {"html"},
    "audit.repository.calls": {"ast"},
    "audit.repository.python": {"ast"},
    # Ids are random, and the wire wants them unguessable.
    "protocol.ids": {"contextlib", "contextvars", "random", "secrets"},
}

SHELL = re.compile(r"(driver(/.*)?|inbox)\.rs")
"""The Rust files that may touch the world: the thread, and the doorbell that wakes its reader."""

WORLD = re.compile(
    r"\bnow\(\)|\bSystemTime\b|\bthread::|\bmio\b|\bsocket2\b|\bif_addrs\b|\bstd::(fs|env|process)\b"
    r"|\b(Udp|Tcp|Unix)(Socket|Stream|Listener)\b|\be?print(ln)?!|\bdbg!"
)


AUDIT = [
    name
    for name in modules()
    if name == "audit.finding"
    or name.startswith("audit.page.")
    or (name.startswith("audit.outside.") and name.endswith(("_rules", ".sdp", ".seen")))
    or (name.startswith("audit.repository.") and not name.endswith(".tree"))
]
"""All but its probes and what reads a folder."""


@pytest.mark.parametrize(
    "core",
    [
        "turn", "protocol", "session.capacity", "session.past", "session.account",
        "session.alignment", "session.arrival", "observe.turns", "cluster.nodes", "engines.breaker",
        "observe.figures", *AUDIT,
    ],
)  # fmt: skip
def test_a_python_core_imports_only_what_computes(core: str) -> None:
    for name in modules():
        if core in (name, name.split(".")[0]):
            others = {one for one in imports(name) if one.split(".")[0] != "talkover"}
            wrong = others - PURE - ALSO.get(name, set())
            assert not wrong, f"talkover.{name} imports {sorted(wrong)}"


@pytest.mark.parametrize(
    "file",
    [
        file
        for file in files(".rs")
        if file.is_relative_to(MEDIA) and not SHELL.fullmatch(str(file.relative_to(MEDIA)))
    ],
    ids=lambda file: str(file.relative_to(MEDIA)),
)
def test_a_media_core_is_sans_io(file: Path) -> None:
    for number, line in enumerate(_without_tests(file.read_text()).splitlines(), 1):
        code = line.split("//")[0]
        assert not WORLD.search(code), f"{file.name}:{number}: {line.strip()}"


@pytest.mark.parametrize("crate", ["talkover-media", "talkover-py"])
def test_no_crate_of_ours_has_unsafe_code(crate: str) -> None:
    root = MEDIA.parents[1] / crate / "src" / "lib.rs"
    assert "#![forbid(unsafe_code)]" in root.read_text()


def _without_tests(source: str) -> str:
    """Tests stand at the end of a file, and may start a clock."""
    return source.split("\n#[cfg(test)]\n")[0]
