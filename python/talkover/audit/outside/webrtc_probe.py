"""A WebRTC endpoint: two offers, an ICE restart, and one check of each address; no call is made.

The offer is posted as the Realtime protocol and WHIP (RFC 9725) have it: SDP in, SDP out, and a
Location to change and end the call at.
"""

from __future__ import annotations

import asyncio
import secrets
from urllib.parse import urljoin

import httpx2 as httpx

from ...media.port import MediaPort
from .bounds import Bounds
from .exchange import client, exchange, failed
from .http_probe import FAILURES
from .sdp import candidates, credential, is_sendable, restarted
from .seen import CallsSeen, Candidate, Exchange
from .stun import answer_ms

SDP = "application/sdp"
CHECKED = 4
"""Candidates that are checked at most."""


async def calls_seen(bounds: Bounds, url: str) -> CallsSeen:
    """Never raises for what a server does; every call that was begun is ended."""
    media = MediaPort("0.0.0.0", 0)
    try:
        async with client(bounds) as http:
            return await _Visit(bounds, url, http).make(media)
    except FAILURES as error:
        return CallsSeen(url, failure=failed(error))
    finally:
        media.close()


class _Visit:
    def __init__(self, bounds: Bounds, url: str, http: httpx.AsyncClient) -> None:
        self._bounds, self._url, self._http = bounds, url, http
        self._places: list[str] = []

    async def make(self, media: MediaPort) -> CallsSeen:
        try:
            return await self._made([media.core.dial()[1] for _ in range(2)])
        finally:
            self._bounds = self._bounds.farewell()
            for place in self._places:
                await self._try("DELETE", place)

    async def _made(self, offers: list[str]) -> CallsSeen:
        answers: list[Exchange] = []
        for offer in offers:
            answer = await self._post(offer)
            if answer.status not in (200, 201) or not answer.body.lstrip().startswith(b"v=0"):
                return CallsSeen(self._url, status=answer.status)
            answers.append(answer)
        texts = [answer.body.decode(errors="replace") for answer in answers]
        found = tuple(candidates(text) for text in texts)
        rtt = await self._rtt(found[0], offers[0], texts[0])
        return CallsSeen(
            self._url, found,
            # What setting up the connection took is told apart from what answering took.
            tuple(answer.wait_ms for answer in answers),
            any("trickle" in text for text in texts),
            await self._restart(offers[0]), bool(self._places), rtt, answers[0].status,
        )  # fmt: skip

    async def _post(self, offer: str) -> Exchange:
        answer = await exchange(
            self._http, self._bounds, "POST", self._url, content=offer.encode(), kind=SDP
        )
        place = next((value for key, value in answer.headers if key.lower() == "location"), None)
        if place is not None and self._bounds.is_here(urljoin(self._url, place)):
            self._places.append(urljoin(self._url, place))
        return answer

    async def _restart(self, offer: str) -> int | None:
        if not self._places:
            return None
        again = restarted(offer, secrets.token_hex(4), secrets.token_hex(12))
        answer = await self._try("PATCH", self._places[0], again.encode())
        return answer.status if answer is not None else None

    async def _rtt(self, found: tuple[Candidate, ...], offer: str, answer: str) -> float | None:
        username = f"{credential(answer, 'ice-ufrag')}:{credential(offer, 'ice-ufrag')}"
        over_udp = [one for one in found if one.protocol == "udp" and is_sendable(one.address)]
        password = credential(answer, "ice-pwd")
        async with self._bounds.step(seconds=3.0):
            times = await asyncio.gather(
                *(
                    answer_ms(one.address, one.port, username, password)
                    for one in over_udp[:CHECKED]
                )
            )
        return min((took for took in times if took is not None), default=None)

    async def _try(self, method: str, url: str, content: bytes | None = None) -> Exchange | None:
        try:
            return await exchange(
                self._http, self._bounds, method, url, content=content, kind=SDP if content else ""
            )
        except FAILURES:
            return None
