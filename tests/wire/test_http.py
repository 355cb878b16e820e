"""Schemathesis against the HTTP side: what is wrong is a 4xx in the protocol's own words."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.server import ROOT, Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TOOL = ROOT / ".cache/clients/schemathesis/bin/schemathesis"
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_schema_conformance",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("http"), "--key", "k-admin")
    yield server
    server.stop()


def test_nothing_that_can_be_posted_is_more_than_a_client_error(
    server: Server, tmp_path: Path
) -> None:
    command = [
        TOOL, "run", Path(__file__).with_name("openapi.json"), "--url", server.url,
        "--header", "Authorization: Bearer k-admin", "--checks", ",".join(CHECKS),
        "--phases", "examples,coverage,fuzzing", "--max-examples", "40", "--no-color",
        "--seed", "1", "--request-timeout", "20",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, f"{done.stdout[-6000:]}{done.stderr[-2000:]}"
    assert "6/6" in done.stdout.replace(" ", ""), done.stdout
    assert "Traceback" not in server.log, server.log
