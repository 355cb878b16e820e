"""What servers say to each other through NATS, with all rights and with those of
deploy/nats.conf.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import nats as nats_py
import pytest
from cluster.nats_server import NatsServer
from cluster.secured import SecuredNats
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeout

from talkover.cluster.bus import Channel
from talkover.cluster.nats_link import MOST_TOLD, PIECE, NatsLink
from talkover.cluster.nodes import Load, Nodes


@pytest.fixture(params=["nats", "rights"])
async def pair(
    request: pytest.FixtureRequest, nats: NatsServer, rights: SecuredNats
) -> AsyncIterator[tuple[NatsLink, NatsLink]]:
    """Servers a and b, who know of each other."""
    bare = request.param == "nats"
    a, b = [
        await NatsLink.connect(nats.url if bare else rights.of(f"node_{n}"), name)
        for n, name in ((1, "a"), (2, "b"))
    ]
    a.load = b.load = lambda: Load(1, 10, True)
    async with asyncio.timeout(20):
        while a.others() != {"b": Load(1, 10, True)} or "a" not in b.others():  # noqa: ASYNC110 - they tell it in their own time
            await asyncio.sleep(0.05)
    yield a, b
    await a.close()
    await b.close()


async def test_a_channel_carries_messages_of_any_size_both_ways_in_order(
    pair: tuple[NatsLink, NatsLink],
) -> None:
    a, b = pair

    async def echo(channel: Channel) -> None:
        while (message := await channel.receive()) is not None:
            await channel.send(message[::-1])
        await channel.close()

    b.on_dial(echo)
    channel = await a.dial("b")
    messages = [b"", b"one", bytes(range(256)) * (PIECE // 100), b"last"]
    for message in messages:
        await channel.send(message)
    assert [await channel.receive() for _ in messages] == [one[::-1] for one in messages]
    await channel.close()
    assert await channel.receive() is None


async def test_a_channel_ends_with_the_server_at_its_other_end(
    pair: tuple[NatsLink, NatsLink],
) -> None:
    a, b = pair
    came = asyncio.Event()

    async def silent(channel: Channel) -> None:
        came.set()
        await asyncio.sleep(60)

    b.on_dial(silent)
    channel = await a.dial("b")
    await channel.send(b"are you there?")
    async with asyncio.timeout(20):
        await came.wait()
        await b.close()
        assert await channel.receive() is None


async def test_one_that_is_dialled_while_the_other_server_reconnects_is_taken_all_the_same(
    nats: NatsServer,
) -> None:
    a, b = [await NatsLink.connect(nats.url, name) for name in ("a", "b")]
    async with asyncio.timeout(20):
        while not a.lives("b"):  # noqa: ASYNC110 - it is told in its own time
            await asyncio.sleep(0.05)
        await b.close()
        dialling = asyncio.create_task(a.dial("b"))
        # The first one goes to nobody.
        await a.client.flush()
        again = await NatsLink.connect(nats.url, "b")
        again.on_dial(lambda channel: channel.send(b"here"))
        channel = await dialling
        assert await channel.receive() == b"here"
    for link in (a, again):
        await link.close()


async def test_one_that_was_not_heard_of_for_a_while_is_answered(
    pair: tuple[NatsLink, NatsLink],
) -> None:
    a, b = pair

    async def answer(channel: Channel) -> None:
        await channel.receive()
        await channel.send(b"here")

    b.on_dial(answer)
    # As after NATS was away.
    b.nodes = Nodes("b")
    channel = await a.dial("b")
    await channel.send(b"are you there?")
    async with asyncio.timeout(20):
        assert await channel.receive() == b"here"


async def test_one_that_nobody_takes_is_not_waited_for_longer_than_its_server_lives(
    pair: tuple[NatsLink, NatsLink],
) -> None:
    a, _ = pair
    channel = await a.dial("nobody")
    async with asyncio.timeout(20):
        assert await channel.receive() is None


async def test_what_nobody_can_be_told_is_counted(nats: NatsServer) -> None:
    link = await NatsLink.connect(nats.url, "a")
    try:
        for _ in range(MOST_TOLD + 3):
            link.tell("talkover.live.sess_1", b"at once")
        assert link.dropped == 3
        # What waits goes nowhere any more.
        await link.client.close()
        link.tell("talkover.live.sess_1", b"into the void")
        async with asyncio.timeout(20):
            while link.dropped < MOST_TOLD + 4:  # noqa: ASYNC110 - it is published in its own time
                await asyncio.sleep(0.01)
    finally:
        await link.close()


async def test_who_may_listen_is_told_and_who_asks_is_answered(
    pair: tuple[NatsLink, NatsLink], nats: NatsServer, rights: SecuredNats,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    a, _ = pair
    bare = "nats" in request.node.callspec.params.values()
    client = await nats_py.connect(nats.url if bare else rights.of("admin"))  # pyright: ignore[reportUnknownMemberType]  untyped options
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(message: Any) -> None:
        heard.put_nowait(message.data)

    await client.subscribe("talkover.live.*", cb=take)  # pyright: ignore[reportUnknownMemberType]  as above
    # The client's ping overtakes what it subscribed to; the second one comes after it.
    await client.flush()
    await client.flush()

    async def answered(asked: bytes) -> bytes:
        return asked.upper()

    end = a.answer("talkover.steer.sess_1", answered)
    async with asyncio.timeout(20):
        for n in range(100):
            a.tell("talkover.live.sess_1", str(n).encode())
        assert [await heard.get() for _ in range(100)] == [str(n).encode() for n in range(100)]
        answer = await client.request("talkover.steer.sess_1", b"hello", timeout=10)
        assert answer.data == b"HELLO"
        end()
        with pytest.raises(NoRespondersError):
            while True:
                # One that came while it was ended is answered by nobody.
                with contextlib.suppress(NatsTimeout):
                    await client.request("talkover.steer.sess_1", b"hello", timeout=1)
    await client.close()
