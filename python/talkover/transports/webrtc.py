"""Realtime over WebRTC: Opus in RTP, over UDP or TCP, to Talkover's own gateway."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import Self

import httpx2 as httpx

from ..media import items as m
from ..media.port import MediaPort, Peer, opus
from .client import ANSWER_S, Ways
from .clip import Clip
from .playback import Playback

HEARS = 16000
FRAME_S = 0.02
CONNECT_S = 30.0
HOST = "127.0.0.1"
_CANDIDATE = re.compile(r"a=candidate:.*\r\n")
_ADDRESS = re.compile(r"(a=candidate:\S+ \d+ udp \d+ \S+) \d+ ")
_NOWHERE = 9
"""The discard port (RFC 863)."""
TAIL_S = 1.0


class NotConnected(RuntimeError):
    """There was no call; the text says why."""


class WebRtc:
    """The client's side; the microphone is always on. `tcp`: media over TCP (RFC 4571, 6544)."""

    def __init__(self, ways: Ways, *, tcp: bool = False) -> None:
        self.playback = Playback()
        self.failed: str | None = None
        self._ways, self._tcp = ways, tcp
        self._arrived = asyncio.Event()
        self._is_open = self._is_connected = False
        self._peer: Peer | None = None
        self._location = ""
        self._quiet = opus(bytes(round(24000 * TAIL_S) * 2))
        self._going_quiet: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._media = MediaPort(HOST, 0)
        self._http = httpx.AsyncClient(
            base_url=f"http://{HOST}:{self._ways.http}", timeout=ANSWER_S
        )
        try:
            await self._dial()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._going_quiet is not None:
            self._going_quiet.cancel()
        try:
            await self._http.post(f"{self._location}/hangup")
        except httpx.HTTPError:
            pass  # the server forgets it by itself
        await self._leave()

    async def _leave(self) -> None:
        self._media.close()
        await self._http.aclose()

    async def _dial(self) -> None:
        self._peer, offer = self._media.core.dial(self._tcp)
        self._media.bind(self._peer, self._take)
        # A server that knows where its caller is would find a way around the network between them.
        offer = _ADDRESS.sub(rf"\1 {_NOWHERE} ", offer)
        response = await self._http.post(
            "/v1/realtime/calls", content=offer, headers={"Content-Type": "application/sdp"}
        )
        if response.status_code != 201:
            raise NotConnected(f"The call was refused: {response.status_code} {response.text}")
        self._location = response.headers["Location"]
        await asyncio.to_thread(self._peer.accept, self._through(response.text))
        await self._until(lambda: self._is_open and self._is_connected)
        self._peer.play_opus(self._quiet, looped=True)

    def _through(self, answer: str) -> str:
        """The answer with the network's address as the only one."""
        if self._tcp:
            way = f"tcp 1526725887 {HOST} {self._ways.tcp} typ host tcptype passive"
        else:
            way = f"udp 2130706175 {HOST} {self._ways.udp} typ host"
        here = f"a=candidate:1 1 {way}\r\n"
        return re.sub("(?=a=ice-ufrag:)", here, _CANDIDATE.sub("", answer), count=1)

    def say(self, clip: Clip) -> float:
        assert self._peer is not None
        now = time.monotonic()
        self._peer.play_opus([*opus(clip.pcm), *self._quiet])
        if self._going_quiet is not None:
            self._going_quiet.cancel()
        self._going_quiet = asyncio.get_running_loop().call_later(
            clip.seconds + TAIL_S / 2, self._peer.play_opus, self._quiet, True
        )
        # The first packet leaves at once, as if its last sample had just been spoken.
        return now - FRAME_S

    def cut_in(self, now: float) -> None:
        self.playback.stop(now)

    async def _until(self, true: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                while not true():
                    if self.failed is not None:
                        raise NotConnected(f"The call ended: {self.failed}.")
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise NotConnected(f"No connection within {CONNECT_S:g} s.") from None

    def _take(self, item: m.Item) -> None:
        match item:
            case m.AudioIn(_, pcm):
                self.playback.take(pcm, HEARS, time.monotonic())
            case m.Text(text):
                if json.loads(text)["type"] == "response.created":
                    self.playback.listen()
            case m.Connected():
                self._is_connected = True
            case m.Open():
                self._is_open = True
            case m.Closed(reason):
                self.failed = reason
            case _:
                pass
        self._arrived.set()
