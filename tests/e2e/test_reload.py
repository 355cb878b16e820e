"""`--reload`: new calls get the new code, live ones finish on the old."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from cli.process import Serving, until

from talkover.cli.caller import Caller

pytestmark = pytest.mark.e2e

AGENT = """
from talkover import Agent
from {helper} import phrase

agent = Agent("x"{engine})

@agent.reply
async def reply(turn):
    yield phrase()
"""
HELPER = "def phrase():\n    return 'This is the {word} code.'\n"


def write(folder: Path, word: str, helper: str = "words", engine: str = "") -> None:
    (folder / f"{helper}.py").write_text(HELPER.format(word=word))
    (folder / "own.py").write_text(AGENT.format(helper=helper, engine=engine))


async def said(call: Caller) -> str:
    before = len(call.of("response.done"))
    call.type("hello")
    done = await call.wait_for("response.done", before + 1, 30)
    return done["response"]["output"][0]["content"][0]["transcript"]


@pytest.mark.parametrize("target", ["own.py:agent", "own:agent"])
async def test_a_live_call_finishes_on_the_old_code(tmp_path: Path, target: str):
    write(tmp_path, "first")
    with Serving(tmp_path, target, "--reload") as server:
        async with Caller(server.url) as old:
            assert await said(old) == "This is the first code."
            # Only the helper changes, to the same length within the same second.
            (tmp_path / "words.py").write_text(HELPER.format(word="other"))
            await asyncio.to_thread(server.logged, "reloaded")
            async with Caller(server.url) as new:
                assert await said(new) == "This is the other code."
                assert await said(old) == "This is the first code."


async def test_broken_code_is_told_with_its_place_while_the_old_code_serves_on(tmp_path: Path):
    write(tmp_path, "first")
    with Serving(tmp_path, "own.py", "--reload") as server:
        assert server.page()["error"] is None
        (tmp_path / "words.py").write_text("def phrase():\n    return 1 +\n")
        until(lambda: server.page()["error"])
        error = server.page()["error"]
        assert (error["file"], error["line"]) == (str(tmp_path / "words.py"), 2)
        assert "SyntaxError" in error["message"]
        assert re.search(r"words\.py:2: SyntaxError", server.log)
        async with Caller(server.url) as call:
            assert await said(call) == "This is the first code."
        # A module that is missing is waited for.
        write(tmp_path, "moved", "fresh")
        (tmp_path / "fresh.py").unlink()
        until(lambda: "fresh" in server.page()["error"]["message"])
        (tmp_path / "fresh.py").write_text(HELPER.format(word="moved"))
        until(lambda: server.page()["error"] is None)
        async with Caller(server.url) as call:
            assert await said(call) == "This is the moved code."


async def test_engines_that_nobody_uses_any_more_are_closed(tmp_path: Path):
    write(tmp_path, "first")
    with Serving(tmp_path, "own.py", "--reload") as server:
        assert server.url
        workers = set(server.children())
        async with Caller(server.url) as old:
            write(tmp_path, "other", engine=", model='another'")
            await asyncio.to_thread(server.logged, "reloaded")
            assert workers < set(server.children())
            assert await said(old) == "This is the first code."
        until(lambda: not workers & set(server.children()))
        async with Caller(server.url) as new:
            assert await said(new) == "This is the other code."


async def test_an_agent_whose_engines_cannot_work_is_not_taken(tmp_path: Path):
    write(tmp_path, "first")
    with Serving(tmp_path, "own.py", "--reload") as server:
        assert server.url
        write(tmp_path, "other", engine=", llm='no-url'")
        until(lambda: server.page()["error"])
        assert "no-url" in server.page()["error"]["message"]
        async with Caller(server.url) as call:
            assert await said(call) == "This is the first code."
