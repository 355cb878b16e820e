"""The Go example: reads the sessions' log in a real NATS, and steers by HTTP."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from backends.rig import AGENT, EXAMPLES, KEY, ROOT, Program, run
from backends.test_nestjs import answers, post, shown
from cluster.secured import SecuredNats, secured
from e2e.server import Server

from talkover.cli.caller import Caller

PAGE = ROOT / "docs/subjects.md"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed here"),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("go") / "backend"
    run("go", "vet", "./...", cwd=EXAMPLES / "go", GOFLAGS="-mod=readonly")
    run("go", "build", "-o", made, ".", cwd=EXAMPLES / "go", GOFLAGS="-mod=readonly")
    assert not run("gofmt", "-l", ".", cwd=EXAMPLES / "go")
    return made


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[SecuredNats]:
    """With the rights of a reader, as the page has them."""
    (rights,) = re.findall(r"^permissions \{.*?^\}", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    with secured(tmp_path, f"{{ user: orders, password: of-orders, {rights} }}") as server:
        yield server


@pytest.fixture
def server(nats: SecuredNats, tmp_path: Path) -> Iterator[Server]:
    made = Server(
        tmp_path, "--key", KEY, agent=AGENT,
        environment={"TALKOVER_NATS": nats.of("node_1"), **trusting(tmp_path)},
    )  # fmt: skip
    yield made
    made.stop()


def trusting(folder: Path) -> dict[str, str]:
    return {"SSL_CERT_FILE": str(folder / "server.pem")}


async def test_an_order_that_stands_in_the_log_is_known_to_the_agent(
    program: Path, nats: SecuredNats, server: Server, tmp_path: Path
) -> None:
    reader = Program(
        program, cwd=tmp_path, log=tmp_path / "go.log", NATS_URL=nats.of("orders"),
        TALKOVER_URL=server.url.rstrip("/"), TALKOVER_KEY=KEY, **trusting(tmp_path),
    )  # fmt: skip
    reader.said("reads the log")
    secret = json.dumps({"user": "ada"}).encode()
    status, body = post(
        f"{server.url}/v1/realtime/client_secrets", secret, Authorization=f"Bearer {KEY}"
    )
    assert status == 200, body
    async with Caller(server.url, token=json.loads(body)["value"]) as call:
        call.type("Where is my order 4711?")
        await call.until(lambda: "was shipped on Tuesday" in " ".join(answers(call)))
        call.type("And order number 4712?")
        await call.until(lambda: "This caller has no order 4712." in shown(call))
    reader.stop()
    assert reader.process.returncode == 0, reader.log
