"""One real WebRTC call with a tape for a microphone; everything that comes back is dated.

The tape is encoded beforehand and sent by the media thread, one packet each 20 ms, so that a
sample of it has a time. A packet leaves when its last sample was spoken, as with a microphone.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import httpx2 as httpx

from talkover.media import items as m
from talkover.media.port import MediaPort, Peer

Event = dict[str, Any]
FRAME_S = 0.02
CONNECT_S = 15.0
_ADDRESS = re.compile(r"(a=candidate:\S+ \d+ udp \d+ \S+) \d+ ")
_NOWHERE = 9
"""The discard port (RFC 863)."""


class Refused(RuntimeError):
    """The server did not take the call."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"The call was refused: {response.status_code} {response.text}")
        self.headers = response.headers


class Line:
    """Times are `time.monotonic()`. `chunks`: (arrival, number of the first sample, PCM at 16 kHz),
    kept where `records`; elsewhere packets are counted and not decoded.

    Each has a port and a media thread of its own: to a server, an address is a caller.
    """

    def __init__(self, *, records: bool) -> None:
        self.media = MediaPort("127.0.0.1", 0)
        self._records = records
        self._peer: Peer | None = None
        self._arrived = asyncio.Event()
        self._location = ""
        self.connected = False
        self.open = False
        self.closed: str | None = None
        self.events: list[tuple[float, Event]] = []
        self.chunks: list[tuple[float, int, bytes]] = []
        self.tape_began = 0.0

    async def dial(
        self,
        client: httpx.AsyncClient,
        url: str,
        agent: str | None = None,
        through: Callable[[str], str] | None = None,
    ) -> None:
        """Call and wait until sound and events can pass.

        `through` puts a network into the server's answer. The server is then not told where the
        caller is: one that looks for its callers would find a way around that network.
        """
        peer, offer = self.media.core.dial()
        if through is not None:
            offer = _ADDRESS.sub(rf"\1 {_NOWHERE} ", offer)
        self._peer = peer
        self.media.bind(peer, self._take)
        response = await client.post(
            urljoin(url, "/v1/realtime/calls"),
            params={"extensions": "talkover"} | ({"agent": agent} if agent else {}),
            content=offer,
            headers={"Content-Type": "application/sdp"},
        )
        if response.status_code != 201:
            raise Refused(response)
        self._location = urljoin(url, response.headers["Location"])
        peer.accept(through(response.text) if through else response.text)
        await self.until(lambda: self.connected and self.open, CONNECT_S)

    async def hang_up(self, client: httpx.AsyncClient) -> None:
        assert self._peer is not None
        self._peer.close()
        try:
            await client.post(f"{self._location}/hangup")
        except httpx.HTTPError:
            pass

    @property
    def frames(self) -> int:
        """Packets of the agent's voice that came."""
        return int(self.media.core.stats()["frames_in"])

    def close(self) -> None:
        """End its media thread, whatever became of the call."""
        self.media.close()

    def play(self, packets: list[bytes], *, looped: bool = False) -> None:
        """Begin the tape now."""
        assert self._peer is not None
        self.tape_began = time.monotonic()
        self._peer.play_opus(packets, looped, deaf=not self._records)

    def spoken(self, seconds: float) -> float:
        """When a microphone would have heard this place of the tape."""
        return self.tape_began + seconds - FRAME_S

    def send(self, event: Event) -> None:
        assert self._peer is not None
        self._peer.send(json.dumps(event))

    def times(self, kind: str, since: float = 0.0) -> list[float]:
        """When events of a type came."""
        return [at for at, event in self.events if event["type"] == kind and at >= since]

    def of(self, kind: str) -> list[Event]:
        return [event for _, event in self.events if event["type"] == kind]

    async def until(self, true: Callable[[], bool], seconds: float) -> None:
        """Wait for what an item brings. TimeoutError; RuntimeError where the call ended."""
        async with asyncio.timeout(seconds):
            while not true():
                if self.closed is not None:
                    raise RuntimeError(f"The call ended: {self.closed}.")
                self._arrived.clear()
                await self._arrived.wait()

    def _take(self, item: m.Item) -> None:
        match item:
            case m.AudioIn(at, pcm):
                if self._records:
                    self.chunks.append((time.monotonic(), at, pcm))
                return
            case m.Text(text):
                self.events.append((time.monotonic(), json.loads(text)))
            case m.Connected():
                self.connected = True
            case m.Open():
                self.open = True
            case m.Closed(reason):
                self.closed = reason
            case _:
                return
        self._arrived.set()
