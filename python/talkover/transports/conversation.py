"""One scripted conversation by one transport over one network, as it happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2 as httpx
from websockets.exceptions import WebSocketException

from ..testing.relay import Relay
from .child import Child, Kind
from .client import Client, Ways
from .clip import Clip
from .hearing import listen
from .networks import Network
from .rest import Rest
from .rest_stream import RestStream
from .tcp_relay import TcpRelay
from .turn import Turn, score
from .webrtc import NotConnected, WebRtc
from .websocket import WebSocketOpus, WebSocketPcm

LOOK_S = 0.05
SETTLE_S = 0.6
"""Before the first question: a call has begun, and a microphone's noise is known."""
QUIET_S = 1.0
"""Without sound for so long, an answer is over; more where a blackout was."""
FIRST_S = 20.0
"""The longest wait for an answer."""
OVER_S = 30.0
INTERRUPT_S = 1.2
"""Into the answer."""
DARK_S = 0.8
"""Into the answer."""


@dataclass(frozen=True, slots=True)
class Transport:
    name: str
    title: str
    server: Kind
    client: Callable[[Ways], Client]


TRANSPORTS: dict[str, Transport] = {
    one.name: one
    for one in (
        Transport("rest", "REST, WAV", "rest", Rest),
        Transport("rest-stream", "REST, streamed answer", "rest", RestStream),
        Transport("websocket-pcm", "WebSocket, PCM", "talkover", WebSocketPcm),
        Transport("websocket-opus", "WebSocket, Opus", "talkover", WebSocketOpus),
        Transport("webrtc-tcp", "WebRTC over TCP", "talkover", partial(WebRtc, tcp=True)),
        Transport("webrtc-udp", "WebRTC over UDP", "talkover", WebRtc),
    )
}


@dataclass(frozen=True, slots=True)
class Script:
    """What the caller says: so many times `question` and listens, so many times `question` and cuts
    in with it again, so many times `long` and listens."""

    question: Clip
    long: Clip
    questions: int
    interruptions: int
    longs: int


class Conversation:
    """`await Conversation(…).run()` talks; it takes as long as a person would."""

    def __init__(
        self, transport: Transport, server: Child, network: Network, script: Script, *, seed: int
    ) -> None:
        self._transport, self._server, self._network = transport, server, network
        self._script, self._seed = script, seed
        self._turns: list[Turn] = []

    async def run(self) -> dict[str, Any]:
        """Figures of the conversation and of its turns; "failed" says why there are none."""
        found: dict[str, Any] = {
            "transport": self._transport.name, "network": self._network.name,
        }  # fmt: skip
        weather = self._network.weather
        async with AsyncExitStack() as stack:
            http = TcpRelay(self._server.http, weather, weather, seed=self._seed)
            self._tcp = [await stack.enter_async_context(http)]
            ways = Ways(http.port)
            self._udp: Relay | None = None
            if self._server.media:
                media = TcpRelay(self._server.media, weather, weather, seed=self._seed + 100)
                self._tcp.append(await stack.enter_async_context(media))
                self._udp = Relay(self._server.media, weather, weather, seed=self._seed + 200)
                stack.enter_context(self._udp)
                ways = Ways(http.port, self._udp.port, media.port)
            began, cpu = time.monotonic(), self._server.cpu_s
            self._client = client = self._transport.client(ways)
            try:
                async with client:
                    found["connect_ms"] = round((time.monotonic() - began) * 1000, 1)
                    await self._talk()
                    memory = self._server.memory_mb
            except (NotConnected, httpx.HTTPError, WebSocketException, OSError) as error:
                found["failed"] = f"{type(error).__name__}: {error}"
                return found
            found |= self._wire() | self._used(cpu, began) | {"memory_mb": memory}
        return found | {"turns": self._scores(began)}

    # ---- what the caller does ------------------------------------------------------------------

    async def _talk(self) -> None:
        await asyncio.sleep(SETTLE_S)
        script = self._script
        for n in range(script.questions):
            turn, first = await self._ask(script.question)
            if first is not None and n == script.questions - 1 and self._network.blackout_s:
                await self._black_out(turn, first)
            await self._until_over(turn)
        for _ in range(script.interruptions):
            turn, first = await self._ask(script.question)
            if first is not None:
                await asyncio.sleep(first + INTERRUPT_S - time.monotonic())
                turn = await self._interrupt(turn, script.question)
            await self._until_over(turn)
        for _ in range(script.longs):
            turn, _ = await self._ask(script.long)
            turn.long = True
            await self._until_over(turn)

    async def _ask(self, clip: Clip) -> tuple[Turn, float | None]:
        """Say it; when the answer began to be heard."""
        began = self._client.say(clip)
        turn = Turn(began, began + clip.seconds)
        self._turns.append(turn)
        await asyncio.sleep(turn.ended - time.monotonic())
        return turn, await self._first(turn)

    async def _first(self, turn: Turn) -> float | None:
        deadline = turn.ended + FIRST_S
        while time.monotonic() < deadline:
            first = self._client.playback.first(turn.ended, time.monotonic())
            if first is not None:
                return first
            await asyncio.sleep(LOOK_S)
        turn.failed = "no answer was heard"
        return None

    async def _interrupt(self, before: Turn, clip: Clip) -> Turn:
        began = self._client.say(clip)
        turn = Turn(began, began + clip.seconds, interrupts=True)
        before.cut, before.over = True, turn.began
        self._turns.append(turn)
        await asyncio.sleep(began + clip.noticed - time.monotonic())
        self._client.cut_in(time.monotonic())
        await asyncio.sleep(turn.ended - time.monotonic())
        await self._first(turn)
        return turn

    async def _black_out(self, turn: Turn, first: float) -> None:
        await asyncio.sleep(first + DARK_S - time.monotonic())
        now, seconds = time.monotonic(), self._network.blackout_s
        for relay in (*self._tcp, *([self._udp] if self._udp else ())):
            relay.black_out(seconds)
        turn.dark = now, now + seconds

    async def _until_over(self, turn: Turn) -> None:
        """Until the answer has been heard to its end, or nothing more comes."""
        quiet = QUIET_S + (2 * self._network.blackout_s + 2 if turn.dark else 0)
        deadline = turn.ended + OVER_S
        while turn.failed is None and time.monotonic() < deadline:
            last = self._client.playback.last(turn.ended)
            if last is not None and time.monotonic() - last > quiet:
                break
            await asyncio.sleep(LOOK_S)
        turn.over = time.monotonic()

    # ---- what came of it -----------------------------------------------------------------------

    def _scores(self, began: float) -> list[dict[str, Any]]:
        heard, notes = listen(self._client.playback.pieces), self._server.notes(began)
        before: list[Turn | None] = [None, *self._turns]
        return [
            score(turn, last, heard, notes).shown()
            for turn, last in zip(self._turns, before, strict=False)
        ]

    def _wire(self) -> dict[str, Any]:
        udp = 0 if self._udp is None else self._udp.up.bytes + self._udp.down.bytes
        turns = len(self._turns)
        opened = sum(relay.connections for relay in self._tcp)
        # Of WebRTC also ICE and DTLS, once.
        handshakes = opened + 2 * self._transport.name.startswith("webrtc")
        return {
            "bytes_per_turn": round((sum(r.bytes for r in self._tcp) + udp) / turns),
            "connections": opened + (udp > 0),
            "handshakes_per_turn": round(handshakes / turns, 2),
        }

    def _used(self, cpu: float | None, began: float) -> dict[str, Any]:
        now = self._server.cpu_s
        if cpu is None or now is None:
            return {"cpu_ms_per_minute": None}
        return {"cpu_ms_per_minute": round((now - cpu) * 60_000 / (time.monotonic() - began))}
