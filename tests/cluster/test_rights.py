"""What deploy/nats.conf lets a Talkover server do in NATS; that it is enough, the suite of the log
shows, which runs with it as well."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import nats as nats_py
import pytest
from cluster.secured import SecuredNats, secured
from nats.aio.client import Client

from talkover.cluster.base import Record
from talkover.cluster.nats import NatsLog
from talkover.cluster.nats_link import NatsLink
from talkover.errors import ConfigError


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredNats]:
    with secured(tmp_path_factory.mktemp("nats")) as made:
        yield made


class Refusals:
    """What the server said to a client that it may not."""

    def __init__(self) -> None:
        self._came: asyncio.Queue[str] = asyncio.Queue(10)

    async def take(self, error: Exception) -> None:
        self._came.put_nowait(str(error).lower())

    async def next(self) -> str:
        async with asyncio.timeout(10):
            return await self._came.get()


@pytest.fixture
async def node(server: SecuredNats) -> AsyncIterator[tuple[Client, Refusals]]:
    refusals = Refusals()
    client = await nats_py.connect(server.of("node_1"), error_cb=refusals.take)
    yield client, refusals
    await client.close()


@pytest.mark.parametrize(
    "subject",
    [
        "other", "talkover.log", "talkover.log.sess_1.more", "talkover.other.node", "_INBOX.other",
        "$JS.API.STREAM.DELETE.TALKOVER_LOG", "$JS.API.STREAM.UPDATE.TALKOVER_LOG",
        "$JS.API.STREAM.CREATE.OTHER", "$JS.API.STREAM.PURGE.KV_talkover_sessions",
        "$JS.API.STREAM.SNAPSHOT.TALKOVER_LOG", "$JS.API.STREAM.LIST",
        "$JS.API.STREAM.MSG.DELETE.TALKOVER_LOG", "$JS.API.CONSUMER.DELETE.TALKOVER_LOG.orders",
        "$KV.other.key", "$SYS.REQ.SERVER.PING",
    ],
)  # fmt: skip
async def test_a_server_may_write_nowhere_else(node: tuple[Client, Refusals], subject: str) -> None:
    client, refusals = node
    await client.publish(subject, b"{}")
    refused = await refusals.next()
    assert "permissions violation for publish" in refused and subject.lower() in refused


@pytest.mark.parametrize("subject", [">", "talkover.log.*", "$KV.talkover_sessions.>", "$JS.>"])
async def test_a_server_may_listen_nowhere_else(
    node: tuple[Client, Refusals], subject: str
) -> None:
    client, refusals = node
    await client.subscribe(subject)
    assert "permissions violation for subscription" in await refusals.next()


async def test_another_password_and_another_name_open_nothing(server: SecuredNats) -> None:
    url = server.of("node_1")
    for wrong in (url.replace("of-node_1", "wrong"), url.replace("node_1:", "node_4:")):
        with pytest.raises(ConfigError, match="cannot be reached"):
            await NatsLink.connect(wrong, "a")


async def test_a_right_password_that_is_sent_without_tls_opens_nothing(server: SecuredNats) -> None:
    host, _, port = server.url.rpartition("@")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    async with asyncio.timeout(10):
        told = json.loads((await reader.readline()).removeprefix(b"INFO "))
        assert told["tls_required"] is True
        who = {"user": "node_1", "pass": "of-node_1", "verbose": True}
        writer.write(b"CONNECT " + json.dumps(who).encode() + b"\r\nPING\r\n")
        assert b"PONG" not in await reader.read()
    writer.close()


async def test_whoever_runs_it_sees_all(server: SecuredNats) -> None:
    link = await NatsLink.connect(server.of("node_2"), "a")
    log = await NatsLog.over(link)
    await log.open("s", b"hash", {"user": "ada"})
    await log.append("s", 1, Record(1, 0, "{}"))
    admin = await nats_py.connect(server.of("admin"))
    names = {one.config.name for one in await admin.jetstream().streams_info()}
    assert names == {"TALKOVER_LOG", "KV_talkover_sessions"}
    await admin.close()
    await log.shut()
    await link.close()
