"""One suite for both stores of client secrets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from cluster.nats_server import NatsServer
from cluster.secured import SecuredNats

from talkover.cluster.base import LogUnavailable
from talkover.cluster.nats_link import NatsLink
from talkover.cluster.nats_secrets import NatsSecrets
from talkover.cluster.secrets import Grant, Secrets
from talkover.cluster.sqlite import SqliteLog
from talkover.cluster.sqlite_secrets import SqliteSecrets
from talkover.gateway.keys import Allowed, Keyring, Secret, Unauthorized

Process = Callable[[str], Awaitable[Secrets]]


def soon() -> int:
    return int(time.time()) + 60


@pytest.fixture(params=["sqlite", "nats", "rights"])
async def process(
    request: pytest.FixtureRequest, tmp_path: Path, nats: NatsServer, rights: SecuredNats
) -> AsyncIterator[Process]:
    """A process with the same store as all others."""
    close: list[Callable[[], Awaitable[None]]] = []

    async def made(name: str) -> Secrets:
        if request.param == "sqlite":
            log = SqliteLog(tmp_path / "s.db", name)
            close.append(log.shut)
            return SqliteSecrets(log)
        url = nats.url if request.param == "nats" else rights.of("node_1")
        link = await NatsLink.connect(url, name)
        close.append(link.close)
        return await NatsSecrets.over(link)

    yield made
    for one in close:
        await one()


async def test_what_one_process_was_told_others_know(process: Process) -> None:
    a, b = await process("a"), await process("b")
    grant = Grant({"user": "ada", "deep": {"n": [1, None]}}, soon(), 3)
    await a.put("one", grant)
    assert await b.get("one") == grant
    assert await b.get("two") is None


async def test_uses_are_counted_once_however_many_ask_at_once(process: Process) -> None:
    a, b = await process("a"), await process("b")
    await a.put("few", Grant({}, soon(), 5))
    await a.put("any", Grant({}, soon()))
    asked = [store.use("few") for store in (a, b) for _ in range(6)]
    assert sorted(await asyncio.gather(*asked)) == [False] * 7 + [True] * 5
    await b.use("few", -1)
    assert await a.use("few") and not await a.use("few")
    assert await a.use("any") and not await a.use("none")


async def test_a_secret_opens_every_server_and_outlives_the_one_that_minted_it(
    process: Process,
) -> None:
    a = Keyring("key", await process("a"))
    allowed = Allowed({"instructions": "Hi"}, "ada", {"plan": "x"}, max_calls=2)
    value, _ = await a.mint(60, allowed, 1)
    b = Keyring("key", await process("b"))
    secret = await b.admit(value, {})
    assert isinstance(secret, Secret) and secret.allowed == allowed
    await b.use(secret)
    with pytest.raises(Unauthorized):
        await a.use(secret)
    with pytest.raises(Unauthorized):
        await b.admit(value + "x", {})


@pytest.mark.slow
async def test_while_the_store_is_away_secrets_seen_here_go_on(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    link = await NatsLink.connect(server.url, "a")
    keys = Keyring("key", await NatsSecrets.over(link))
    before, _ = await keys.mint(60, Allowed({}))
    server.kill()
    after, minted = await keys.mint(60, Allowed({}))
    assert await keys.admit(before, {}) and await keys.admit(after, {})
    await keys.use(minted)
    with pytest.raises(LogUnavailable):
        await keys.admit("ek_unknown", {})
    await link.close()
