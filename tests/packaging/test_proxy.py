"""deploy/Caddyfile, in a real Caddy before real servers."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.nats_server import NatsServer, free_port
from e2e.dialogue import AGENT, kill, known, said
from e2e.server import Server

from talkover.cli.caller import Caller, CallError

pytestmark = pytest.mark.e2e

CONFIG = Path(__file__).resolve().parents[2] / "deploy/Caddyfile"
KEY = "k-operator"


class Deployed:
    """Two servers that share a NATS, a third one that is away, and the proxy at `url`."""

    def __init__(self, folder: Path) -> None:
        self.nats = NatsServer(folder)
        self.servers = [self._serve(folder / name) for name in ("1", "2")]
        ports = [int(server.url.rstrip("/").rpartition(":")[2]) for server in self.servers]
        config = CONFIG.read_text()
        for n, port in enumerate([*ports, 9], 1):
            config = config.replace(f"talkover-{n}:8080", f"127.0.0.1:{port}")
        self.url = f"http://127.0.0.1:{free_port()}"
        config = config.replace("{$DOMAIN}", self.url)
        file = folder / "Caddyfile"
        file.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + config)
        self.log = folder / "caddy.log"
        with self.log.open("w") as out:
            self.proxy = subprocess.Popen(
                ["caddy", "run", "--config", file, "--adapter", "caddyfile"],
                stdout=out, stderr=out, env={**os.environ, "HOME": str(folder)},
            )  # fmt: skip

    def _serve(self, folder: Path) -> Server:
        folder.mkdir()
        return Server(folder, "--key", KEY, "--nats", self.nats.url, agent=AGENT)

    def asked(self, url: str, body: bytes | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(url, body, {"Authorization": f"Bearer {KEY}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def stop(self) -> None:
        self.proxy.terminate()
        self.proxy.wait(10)
        for server in self.servers:
            if server.process.poll() is None:
                server.stop()
        self.nats.stop()


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployed]:
    made = Deployed(tmp_path)
    yield made
    made.stop()


async def ready(deployed: Deployed) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                status, told = deployed.asked(f"{deployed.url}/v1/nodes")
                if status == 200 and told.count(b'"ready":true') == 2:
                    return
            except OSError:
                assert deployed.proxy.poll() is None, deployed.log.read_text()
            await asyncio.sleep(0.1)


async def test_behind_one_name_a_call_outlives_the_server_that_dies(deployed: Deployed) -> None:
    await ready(deployed)
    url = deployed.url
    assert deployed.asked(f"{url}/metrics")[0] == 404
    status, minted = deployed.asked(f"{url}/v1/realtime/client_secrets", b'{"user": "ada"}')
    assert status == 200
    calls = [Caller(url, token=json.loads(minted)["value"]) for _ in range(2)]
    for call in calls:
        # Whichever server it comes to knows the secret.
        await call.dial()
        await said(call)
        call.type("thing 1")
        assert await said(call, 2) == "You have said 1 things, I was asked 1 times."
    kill(deployed.servers[0])
    for call in calls:
        call.vanish()
        back = await returned(url, call.back)
        back.type("thing 2")
        assert await said(back) == "You have said 2 things, I was asked 2 times."
        assert len(known(back)) == 3
        await back.hang_up()


async def returned(url: str, token: str) -> Caller:
    """Who comes back as our client does: again, as long as the proxy finds nobody."""
    async with asyncio.timeout(30):
        while True:
            back = Caller(url, token=token)
            try:
                await back.dial()
                return back
            except CallError as error:
                assert "502" in error.message or "503" in error.message
            await asyncio.sleep(0.2)
