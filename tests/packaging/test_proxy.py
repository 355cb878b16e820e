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
    """Two servers that share a NATS, and a third one that is away; `names` are the proxy's three
    sites, each on a port of its own here."""

    def __init__(self, folder: Path) -> None:
        self.nats = NatsServer(folder)
        self.servers = [self._serve(folder / name) for name in ("1", "2")]
        ports = [int(server.url.rstrip("/").rpartition(":")[2]) for server in self.servers]
        config = CONFIG.read_text()
        for n, port in enumerate([*ports, 9], 1):
            config = config.replace(f"talkover-{n}:8080", f"127.0.0.1:{port}")
        free = [free_port() for _ in range(3)]
        for n, port in enumerate(free, 1):
            config = config.replace(f"{n}.{{$DOMAIN}}", f"http://127.0.0.1:{port}")
        self.names = [f"http://127.0.0.1:{port}" for port in free]
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
                if all(deployed.asked(f"{name}/readyz")[0] == 200 for name in deployed.names):
                    return
            except OSError:
                assert deployed.proxy.poll() is None, deployed.log.read_text()
            await asyncio.sleep(0.1)


async def test_a_server_that_dies_leaves_its_name_and_its_callers_to_the_next_one(
    deployed: Deployed,
) -> None:
    await ready(deployed)
    name, other, third = deployed.names
    assert deployed.asked(f"{name}/metrics")[0] == 404
    status, minted = deployed.asked(f"{name}/v1/realtime/client_secrets", b'{"user": "ada"}')
    assert status == 200
    call = Caller(name, token=json.loads(minted)["value"])
    await call.dial()
    await said(call)
    call.type("thing 1")
    assert await said(call, 2) == "You have said 1 things, I was asked 1 times."
    with pytest.raises(CallError, match="401"):
        # Its secret is the first server's own.
        await Caller(other, token=json.loads(minted)["value"]).dial()
    assert deployed.asked(f"{third}/readyz")[0] == 200

    kill(deployed.servers[0])
    back = await returned(name, call.back)
    back.type("thing 2")
    assert await said(back) == "You have said 2 things, I was asked 2 times."
    assert len(known(back)) == 3
    await back.hang_up()
    call.vanish()


async def returned(name: str, token: str) -> Caller:
    """Who comes back as our client does: again, as long as the proxy finds nobody."""
    async with asyncio.timeout(30):
        while True:
            back = Caller(name, token=token)
            try:
                await back.dial()
                return back
            except CallError as error:
                assert "502" in error.message or "503" in error.message
            await asyncio.sleep(0.2)
