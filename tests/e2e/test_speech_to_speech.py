"""A server whose model is another server, both real, over the Realtime protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.server import Server, spoken

from talkover.cli.caller import Caller, read_wav

pytestmark = pytest.mark.e2e

COUNTS = """
from talkover import Agent

agent = Agent("x")

@agent.reply
async def answer(turn):
    if "time" in turn.text:
        yield "It is noon."
    else:
        yield " ".join(f"This is sentence number {n}." for n in range(40))
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    upstream = Server(tmp_path_factory.mktemp("upstream"), agent=COUNTS)
    url = upstream.url.replace("http", "ws") + "/v1/realtime"
    folder = tmp_path_factory.mktemp("server")
    server = Server(folder, f"--s2s={url}", agent='from talkover import Agent\nagent = Agent("x")')
    yield upstream, server
    server.stop()
    upstream.stop()


async def test_what_another_talkover_hears_and_says_goes_through(
    servers: tuple[Server, Server], tmp_path: Path
):
    _, server = servers
    assert "s2s  speech to speech (real), 127.0.0.1" in server.log
    async with Caller(server.url) as call:
        call.play(*read_wav(spoken("what time is it", tmp_path)))
        done = await call.wait_for("response.done", 1, 30)
        assert done["response"]["output"][0]["content"][0]["transcript"] == "It is noon."
        heard = call.of("conversation.item.input_audio_transcription.completed")
        assert "time" in heard[-1]["transcript"]
        await call.wait_for("output_audio_buffer.stopped")


async def test_talking_over_it_cuts_both(servers: tuple[Server, Server], tmp_path: Path):
    _, server = servers
    async with Caller(server.url) as call:
        call.play(*read_wav(spoken("please go on", tmp_path)))
        await call.wait_for("output_audio_buffer.started", 1, 30)
        call.play(*read_wav(spoken("no stop what time is it", tmp_path)))
        await call.until(lambda: len(call.of("response.done")) >= 2, 40)
        first, second = call.of("response.done")[:2]
        assert first["response"]["status"] == "cancelled"
        assert second["response"]["output"][0]["content"][0]["transcript"] == "It is noon."
