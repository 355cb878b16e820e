"""The package for backends: as npm would publish it, in a project that has nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import re
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from backends.rig import AGENT, INSTALLED, KEY, ROOT, Line, run
from e2e.dialogue import said
from e2e.server import Server

from talkover.cli.caller import Caller, CallError

HERE = Path(__file__).parent


def test_the_types_of_events_are_those_of_the_protocol() -> None:
    typed = (ROOT / "js/client/server/events.ts").read_text()
    names = set(re.findall(r'^  "([\w.]+)":', typed, re.MULTILINE))
    told = (ROOT / "docs/events.md").read_text().partition("## From the server")[2]
    told = told.partition("## A session's settings")[0]
    listed = set(re.findall(r"^\| `([\w.]+)` \|", told, re.MULTILINE))
    assert names <= listed
    assert {name for name in listed if not name.startswith("talkover.")} <= names


@pytest.fixture(scope="module")
def project(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nothing but the package is installed in it."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    run(
        "npm", "install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", package,
        cwd=folder,
    )  # fmt: skip
    return folder


@pytest.mark.e2e
def test_the_package_holds_what_its_entries_name_and_no_sources(package: Path) -> None:
    with tarfile.open(package) as tar:
        names = {name.removeprefix("package/") for name in tar.getnames()}
        manifest: Any = json.load(tar.extractfile("package/package.json"))  # type: ignore[arg-type]
    entries = {path.removeprefix("./") for e in manifest["exports"].values() for path in e.values()}
    assert len(entries) == 4 and entries <= names
    assert [
        n
        for n in names
        if not re.fullmatch(r"dist/[\w/]+(\.d\.ts|\.js)|(package\.json|README\.md)", n)
    ] == []
    assert "dependencies" not in manifest


@pytest.mark.e2e
def test_both_entries_are_found_and_typed_where_there_is_no_bundler(project: Path) -> None:
    (project / "typed.ts").write_text((HERE / "typed.ts").read_text())
    code = "import('talkover').then((m) => console.log(typeof m.Call))"
    assert run("node", "-e", code, cwd=project).strip() == "function"
    run(
        "node", ROOT / "js/node_modules/typescript/bin/tsc", "--noEmit", "--strict",
        "--module", "nodenext", "--target", "es2022", "--lib", "es2023", "--types", "node",
        "--typeRoots", INSTALLED / "nestjs/node_modules/@types", "typed.ts", cwd=project,
    )  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("served"), "--key", KEY, agent=AGENT)
    yield made
    made.stop()


@pytest.fixture
async def line(server: Server) -> AsyncIterator[Line]:
    async with Line(int(server.url.rstrip("/").rpartition(":")[2]))() as made:
        yield made


@pytest.mark.e2e
async def test_a_backend_mints_watches_steers_and_comes_back_where_its_line_breaks(
    project: Path, server: Server, line: Line
) -> None:
    (project / "steer.mjs").write_text((HERE / "steer.mjs").read_text())
    node = await asyncio.create_subprocess_exec(
        "node", "steer.mjs", cwd=project, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "DIRECT": server.url, "LINE": line.url, "KEY": KEY,
             "INSTALLED": str(INSTALLED / "nestjs/package.json")},
    )  # fmt: skip

    async def told(step: str) -> Any:
        assert node.stdout is not None
        async with asyncio.timeout(40):
            found: dict[str, Any] = json.loads(await node.stdout.readline() or b"{}")
        assert step in found, found
        return found if step == "deleted" else found[step]

    call = Caller(server.url, token=await told("secret"))
    async with call:
        assert await told("watching") == {"plan": "gold"}
        call.type("Where is order 4711?")
        assert await told("answer") == "Order 4711 was shipped."
        assert await told("answer") == "Stay on the line."
        assert "Order 4711 was shipped." in [await said(call, n) for n in (1, 2)]
        await call.until(lambda: call.of("session.updated"))
        line.cut()
        assert await told("gap") is True
        call.send({"type": "response.create"})
        assert await told("answer") == "Order 4711 was shipped."
        assert await told("bad") == "response_cancel_not_active"
        with pytest.raises(CallError, match="ended"):
            await call.until(lambda: False)
    assert (await told("ended"))[0] == "user"
    assert await told("deleted") == {
        "deleted": "session_not_found", "gone": "call_not_found", "unknown": "call_not_found",
        "wrong": "invalid_api_key", "refused": "invalid_value", "nobody": "unreachable",
    }  # fmt: skip
    assert await node.wait() == 0
