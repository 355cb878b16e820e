"""REST: record, upload a WAV, wait, download a WAV, play it."""

from __future__ import annotations

import asyncio
import time
from typing import Self

import httpx2 as httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .client import ANSWER_S, END_SILENCE_S, Ways, cancelled
from .clip import Clip
from .playback import Playback
from .request import EAR_RATE, HEARD, Agent, BadRecording, refusal, sound, wav
from .tones import RATE

PATH = "/talk"
DEVICE_S = 0.02
"""What a sound device needs to begin; a whole file needs no more before it."""


def route(agent: Agent) -> Route:
    """The server's side."""

    async def talk(request: Request) -> Response:
        try:
            conversation = await agent.hear(request)
        except BadRecording as error:
            return refusal(error)
        pcm = b"".join([piece async for piece in agent.answer(conversation, whole=True)])
        return Response(wav(pcm, RATE), media_type="audio/wav")

    return Route(PATH, talk, methods=["POST"])


class Rest:
    """The client's side: one connection that is kept alive, opened before the first question."""

    path = PATH

    def __init__(self, ways: Ways) -> None:
        self.playback = Playback(DEVICE_S)
        self._http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{ways.http}",
            timeout=ANSWER_S,
            limits=httpx.Limits(keepalive_expiry=ANSWER_S),
        )
        self._asking: asyncio.Task[None] | None = None
        self._before: asyncio.Task[None] | None = None
        self._began = time.monotonic()
        self.failed: str | None = None

    async def __aenter__(self) -> Self:
        await self._http.get("/")
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancelled(self._before)
        await cancelled(self._asking)
        await self._http.aclose()

    def say(self, clip: Clip) -> float:
        began = time.monotonic()
        self._before, self._asking = self._asking, asyncio.create_task(self._ask(clip, began))
        return began

    def cut_in(self, now: float) -> None:
        self.playback.stop(now)
        if self._before is not None:
            # Closes the connection where an answer is still coming, which ends the server's work.
            self._before.cancel()

    async def _ask(self, clip: Clip, began: float) -> None:
        body = wav(clip.at(EAR_RATE), EAR_RATE)
        await asyncio.sleep(began + clip.seconds + END_SILENCE_S - time.monotonic())
        heard = self.playback.heard(self._began, time.monotonic())
        self._began = time.monotonic()
        self.playback.listen()
        try:
            await self._answer(body, {HEARD: str(round(heard * 1000))})
        except httpx.HTTPError as error:
            self.failed = f"{type(error).__name__}: {error}"

    async def _answer(self, body: bytes, headers: dict[str, str]) -> None:
        response = await self._http.post(
            self.path, content=body, headers=headers, params={"conversation": str(id(self))}
        )
        response.raise_for_status()
        pcm, rate = sound(response.content)
        self.playback.take(pcm, rate, time.monotonic())
