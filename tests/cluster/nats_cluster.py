"""Three real NATS servers that keep everything thrice, for tests."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nats as nats_py
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from .nats_server import NatsServer, free_port

NAMES = ("one", "two", "three")
READY_S = 30


class NatsCluster:
    """`url` has all of its servers', as clients are given them."""

    def __init__(self, folder: Path) -> None:
        routes = {name: f"nats://127.0.0.1:{free_port()}" for name in NAMES}
        self.servers: dict[str, NatsServer] = {}
        for name, route in routes.items():
            place = folder / name
            place.mkdir(parents=True)
            self.servers[name] = NatsServer(
                place, "--jetstream", "--store_dir", place, "--server_name", name,
                "--cluster_name", "three", "--cluster", route,
                "--routes", ",".join(routes.values()),
            )  # fmt: skip
        self.url = ",".join(server.url for server in self.servers.values())

    async def ready(self) -> None:
        """Until they have elected who leads them."""
        client = await nats_py.connect(self.url.split(","))
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    await client.jetstream(timeout=1).account_info()
                    break
                except (NatsError, JetStreamError):
                    await asyncio.sleep(0.1)
        await client.close()

    async def leader(self, stream: str) -> NatsServer:
        """Who takes a stream's writes."""
        client = await nats_py.connect(self.url.split(","))
        try:
            cluster = (await client.jetstream().stream_info(stream)).cluster
            assert cluster is not None and cluster.leader is not None
            return self.servers[cluster.leader]
        finally:
            await client.close()

    def stop(self) -> None:
        for server in self.servers.values():
            server.stop()
