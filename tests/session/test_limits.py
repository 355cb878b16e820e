"""A call ends at its limits, and says why; in virtual time."""

from __future__ import annotations

import asyncio

from talkover.session.limits import Life, Limits
from talkover.testing.loop import VirtualLoop


class Nothing:
    def advance(self, until: int) -> int:
        return until

    def deliver(self, schedule: object) -> bool:
        return False


def ended(limits: Limits, *, touches: tuple[float, ...] = (), busy_until: float = 0.0) -> str:
    """When and why a call ends that shows life at these seconds."""

    async def call() -> str:
        loop = asyncio.get_running_loop()
        over: asyncio.Future[str] = loop.create_future()
        life = Life(
            limits,
            lambda: loop.time() < busy_until,
            lambda why: over.set_result(f"{loop.time():g} s: {why}"),
        )
        for at in touches:
            loop.call_at(at, life.touch)
        return await over

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(Nothing())) as runner:
        return runner.run(call())


def test_a_call_has_a_longest_time() -> None:
    touches = tuple(float(second) for second in range(60))
    why = ended(Limits(longest_s=60, idle_s=10), touches=touches)
    assert why == "60 s: the call reached its longest time of 60 s"


def test_a_call_in_which_nothing_happens_ends() -> None:
    why = ended(Limits(longest_s=600, idle_s=10), touches=(4.0, 13.5))
    assert why == "23.5 s: nobody said or wrote anything for 10 s"


def test_a_long_reply_is_no_idleness() -> None:
    why = ended(Limits(longest_s=600, idle_s=10), touches=(45.0,), busy_until=45.0)
    assert why.startswith("55 s: nobody")


def test_a_secret_may_only_shorten_the_servers_limits() -> None:
    server = Limits(longest_s=600, idle_s=60)
    assert server.within(None, None) == server
    assert server.within(30, 5) == Limits(longest_s=30, idle_s=5)
    assert server.within(6000, 600) == server
