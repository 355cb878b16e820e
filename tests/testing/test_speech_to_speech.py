"""A speech-to-speech provider whose sessions are short, in virtual time: nobody hears a seam."""

from __future__ import annotations

import array
import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from pictures import RED
from testing.test_script import hum
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close
from wire.gemini_service import Call, Service

from talkover import Agent, Audio, Image
from talkover.engines.remote.gemini import Gemini
from talkover.testing import Talk

LASTS_S = 30.0
LOUD = 1000
QUIET_S = 0.4
"""So long after the last voice it answers."""


class Wire:
    """Both ends of a connection without a network."""

    def __init__(self) -> None:
        self._up: asyncio.Queue[str | None] = asyncio.Queue()
        self._down: asyncio.Queue[bytes | Close] = asyncio.Queue()
        self.closed = False

    async def send(self, message: str | bytes) -> None:
        if self.closed:
            raise ConnectionClosedError(None, None)
        if isinstance(message, str):
            self._up.put_nowait(message)
        else:
            self._down.put_nowait(message)

    async def recv(self) -> bytes:
        message = await self._down.get()
        if isinstance(message, Close):
            raise ConnectionClosedError(message, None)
        return message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if not self.closed:
            self.closed = True
            self._down.put_nowait(Close(code, reason))
            self._up.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (message := await self._up.get()) is not None:
            yield message


class Provider:
    """Hangs up on every session after `LASTS_S`, `warned` or not; answers whatever it hears."""

    def __init__(self, *, warned: bool, looks: bool = False) -> None:
        self.service, self.warned, self.looks = Service(), warned, looks
        self.answers = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def dial(self, url: str, headers: Mapping[str, str], shown: str) -> Wire:
        wire = Wire()
        self._tasks += [
            asyncio.create_task(self.service.serve(wire)),
            asyncio.create_task(self._live(len(self._tasks) // 2, wire)),
        ]
        return wire

    async def _live(self, number: int, wire: Wire) -> None:
        call = await self.service.call(number)
        loop = asyncio.get_running_loop()
        ends = loop.time() + LASTS_S
        warns = ends - 10 if self.warned else ends
        spoken, taken, warned = 0.0, 0, False
        while loop.time() < ends and not wire.closed:
            await asyncio.sleep(0.05)
            if loop.time() >= warns and not warned:
                warned = True
                await call.send(goAway={"timeLeft": "10s"})
            inputs = [m["realtimeInput"] for m in call.got_all[taken:] if "realtimeInput" in m]
            results = [m for m in call.got_all[taken:] if "toolResponse" in m]
            taken = len(call.got_all)
            for _ in [*results, *(one for one in inputs if "text" in one)]:
                await self._answer(call)
            if any("audio" in one and _is_loud(one) for one in inputs):
                spoken = loop.time()
                await call.hear("so ")
            if spoken and loop.time() - spoken >= QUIET_S:
                spoken = 0.0
                await self._answer(call)
        await wire.close(1011, "the session has reached its longest time")

    async def _answer(self, call: Call) -> None:
        if self.looks and not call.of("toolResponse"):
            await call.send(toolCall={"functionCalls": [{"id": "c1", "name": "look"}]})
            return
        self.answers += 1
        await call.handle(f"handle-{self.answers}")
        await call.say(f"This is answer number {self.answers}.", 2.0)

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()


def _is_loud(one: dict[str, Any]) -> bool:
    samples = array.array("h", base64.b64decode(one["audio"]["data"]))
    return max(map(abs, samples), default=0) > LOUD


@pytest.mark.parametrize("warned", [True, False])
def test_a_provider_that_hangs_up_every_30_s_answers_all_that_is_said(warned: bool):
    provider = Provider(warned=warned)
    agent = Agent("x")

    @agent.end
    async def end(session: object, reason: str) -> None:
        provider.stop()

    talk = Talk(agent, s2s=Gemini("k", dial=provider.dial))
    # Also while it hangs up, twice.
    voice = Audio(hum(1.5), 16000)
    said = [talk.play(voice, "so", at=0.5 + 7.3 * n) for n in range(9)]
    talk.wait(6)
    result = talk.run()
    assert [reply.heard for reply in result.replies] == [
        f"This is answer number {n + 1}." for n in range(9)
    ], result
    for step in said:
        after = result.answer_after(step)
        assert after is not None and after < 1.5, (after, result)
    calls = provider.service.calls
    assert len(calls) == 3 and not result.errors, result
    if warned:
        # Each knows where the one before it was, and is told nothing twice.
        assert all(call.setup["sessionResumption"].get("handle") for call in calls[1:])
        assert not any(call.of("clientContent") for call in calls)


def test_a_model_that_looks_is_shown_what_the_camera_sees():
    provider = Provider(warned=False, looks=True)
    agent = Agent("x")

    @agent.end
    async def end(session: object, reason: str) -> None:
        provider.stop()

    talk = Talk(agent, s2s=Gemini("k", dial=provider.dial))
    # It is offered to look once there is something to be seen.
    talk.film(Image(RED), at=1.0)
    talk.play(Audio(hum(1.0), 16000), "so", at=2.0)
    result = talk.run()
    before, call = provider.service.calls
    assert "tools" not in before.setup
    assert call.setup["tools"][0]["functionDeclarations"][0]["name"] == "look"
    (shown,) = call.of("realtimeInput.video")
    assert shown == {"mimeType": "image/webp", "data": base64.b64encode(RED).decode()}
    assert result.replies[-1].heard == "This is answer number 1.", result
    assert not result.errors
