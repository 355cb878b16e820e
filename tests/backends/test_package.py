"""The package for backends: as npm would publish it, in a project that has nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import re
import tarfile
from collections.abc import Iterator
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
    assert len(entries) == 6 and entries <= names
    assert [
        n
        for n in names
        if not re.fullmatch(r"dist/[\w/]+(\.d\.ts|\.js)|(package\.json|README\.md)", n)
    ] == []
    assert "dependencies" not in manifest


@pytest.mark.e2e
def test_the_entries_are_found_and_typed_where_there_is_no_bundler(project: Path) -> None:
    (project / "typed.ts").write_text((HERE / "typed.ts").read_text())
    (project / "page.mjs").write_text((HERE / "page.mjs").read_text())
    assert json.loads(run("node", "page.mjs", cwd=project)) == {
        "said": ["Hello."], "asked": ["output_audio_buffer.clear", "talkover.message"],
    }  # fmt: skip
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


class Node:
    """A program of the package's user, who tells each step on a line."""

    def __init__(self, project: Path, script: str, **variables: str) -> None:
        (project / script).write_text((HERE / script).read_text())
        self._errors = project / f"{script}.errors"
        modules = str(INSTALLED / "nestjs/package.json")
        self._start = asyncio.create_subprocess_exec(
            "node", script, cwd=project, stdout=asyncio.subprocess.PIPE,
            stderr=self._errors.open("w"),
            env={**os.environ, "KEY": KEY, "INSTALLED": modules, **variables},
        )  # fmt: skip

    async def __aenter__(self) -> Node:
        self.process = await self._start
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def told(self, step: str) -> Any:
        """What it tells next, which is to be this step."""
        assert self.process.stdout is not None
        async with asyncio.timeout(40):
            found: dict[str, Any] = json.loads(await self.process.stdout.readline() or b"{}")
        assert step in found, (found, self._errors.read_text())
        return found if len(found) > 2 else found[step]


@pytest.mark.e2e
async def test_a_backend_mints_watches_steers_and_comes_back_where_its_line_breaks(
    project: Path, server: Server
) -> None:
    async with (
        Line(server.url)() as line,
        Node(project, "steer.mjs", DIRECT=server.url, LINE=line.url) as node,
    ):
        call = Caller(server.url, token=await node.told("secret"))
        async with call:
            assert await node.told("watching") == {"plan": "gold"}
            call.type("Where is order 4711?")
            assert await node.told("answer") == "Order 4711 was shipped."
            assert await node.told("answer") == "Stay on the line."
            assert "Order 4711 was shipped." in [await said(call, n) for n in (1, 2)]
            await call.until(lambda: call.of("session.updated"))
            line.cut()
            assert await node.told("gap") is True
            call.send({"type": "response.create"})
            assert await node.told("answer") == "Order 4711 was shipped."
            assert await node.told("bad") == "response_cancel_not_active"
            with pytest.raises(CallError, match="ended"):
                await call.until(lambda: False)
        assert (await node.told("ended"))[0] == "user"
        assert await node.told("deleted") == {
            "deleted": "session_not_found", "gone": "call_not_found", "unknown": "call_not_found",
            "wrong": "invalid_api_key", "refused": "invalid_value", "nobody": "unreachable",
        }  # fmt: skip
        assert await node.process.wait() == 0


@pytest.mark.e2e
async def test_a_call_is_watched_on_where_its_server_stopped_and_another_took_it_up(
    project: Path, tmp_path: Path
) -> None:
    def serve(name: str) -> Server:
        (tmp_path / name).mkdir()
        state = str(tmp_path / "sessions.db")
        return Server(tmp_path / name, "--key", KEY, "--state", state, agent=AGENT)

    first = serve("first")
    call = Caller(first.url, token=KEY)
    async with Line(first.url)() as line:
        await call.dial()
        id = call.location.rpartition("/")[2]
        async with Node(project, "watch.mjs", LINE=line.url, CALL=id) as node:
            await node.told("watching")
            call.type("hello")
            assert await node.told("answer") == "Let me see, None."
            await said(call)
            await asyncio.to_thread(first.stop)
            assert await node.told("ended") == "moved"
            second = serve("second")
            line.to = second.url
            assert await node.told("gap") is True
            async with Caller(second.url, token=call.back) as back:
                back.type("hello again")
                assert await node.told("answer") == "Let me see, None."
            assert await node.told("ended") == "left"
            await node.told("over")
            assert await node.process.wait() == 0
            second.stop()
    call.vanish()
