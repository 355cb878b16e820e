"""Calls through the user-space network, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bundle.sound import tone

from talkover import _core
from talkover.media import items as m
from talkover.media.port import MediaPort
from talkover.testing.relay import Relay
from talkover.testing.weather import Weather

PATIENCE_S = 30.0


class Talk:
    """A call from one port to another through a relay; the caller says a tone without end."""

    def __init__(self, relay: Relay, server: MediaPort, near: MediaPort) -> None:
        self.relay, self.server = relay, server
        self.at_server: list[m.Item] = []
        dialled, offer = near.core.dial()
        self.peer, answer = server.core.answer(offer)
        self._came = asyncio.Event()
        server.bind(self.peer, self._take)
        near.bind(dialled, lambda item: None)
        dialled.accept(relay.through(answer))
        dialled.play_opus(_core.encode_opus(tone(1.0)), looped=True)

    async def until(self, ready: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not ready():
                self._came.clear()
                await self._came.wait()

    def _take(self, item: m.Item) -> None:
        self.at_server.append(item)
        self._came.set()

    def count(self, kind: type) -> int:
        return sum(isinstance(item, kind) for item in self.at_server)

    async def heard_anew(self) -> None:
        before = self.count(m.AudioIn)
        await self.until(lambda: self.count(m.AudioIn) >= before + 25)


def run(scene: Callable[[Talk], Awaitable[None]], weather: Weather | None = None) -> None:
    async def play() -> None:
        server, near = MediaPort("127.0.0.1", 0, threads=2), MediaPort("127.0.0.1", 0)
        try:
            with Relay(server.port, weather, weather, seed=1) as relay:
                call = Talk(relay, server, near)
                await call.until(lambda: call.count(m.Connected) == 1)
                await call.heard_anew()
                await scene(call)
        finally:
            near.close()
            server.close()

    asyncio.run(play())


def test_a_call_connects_and_speaks_through_loss_and_jitter() -> None:
    async def scene(call: Talk) -> None:
        await call.heard_anew()
        assert call.relay.up.lost > 0

    run(scene, Weather(loss=0.1, delay_ms=20, jitter_ms=20))


def test_a_call_goes_on_after_a_nat_forgot_it_and_after_a_blackout() -> None:
    async def scene(call: Talk) -> None:
        call.relay.rebind()
        await call.heard_anew()
        call.relay.black_out(3.0)
        await call.until(lambda: call.count(m.Quiet) >= 1)
        await call.until(lambda: call.count(m.Back) >= 1)
        await call.heard_anew()
        assert call.count(m.Connected) == 1 and call.count(m.Closed) == 0

    run(scene)


def test_an_offer_that_cannot_be_answered_is_refused_and_the_call_goes_on() -> None:
    async def scene(call: Talk) -> None:
        for offer, says in (("v=0", "SDP"), ("x" * 70_000, "64 KiB")):
            try:
                await call.server.restart(call.peer, offer)
            except _core.OfferError as error:
                assert says in str(error)
            else:
                raise AssertionError("it was taken")
        await call.heard_anew()

    run(scene)
