"""REST with a streamed answer: upload a WAV, get the sound as server-sent events as it is made."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncGenerator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from .client import Ways
from .playback import Playback
from .request import Agent, BadRecording, refusal
from .rest import Rest
from .tones import RATE

PATH = "/talk/stream"


def route(agent: Agent) -> Route:
    """The server's side; a client that hangs up ends the work."""

    async def talk(request: Request) -> Response:
        try:
            conversation = await agent.hear(request)
        except BadRecording as error:
            return refusal(error)

        async def events() -> AsyncGenerator[str]:
            async for pcm in agent.answer(conversation, whole=False):
                event = {"type": "speech.audio.delta", "audio": base64.b64encode(pcm).decode()}
                yield f"data: {json.dumps(event)}\n\n"
            yield 'data: {"type": "speech.audio.done"}\n\n'

        return StreamingResponse(events(), media_type="text/event-stream")

    return Route(PATH, talk, methods=["POST"])


class RestStream(Rest):
    """The client's side; it plays from the first event on, and hangs up to interrupt."""

    path = PATH

    def __init__(self, ways: Ways) -> None:
        super().__init__(ways)
        self.playback = Playback()

    async def _answer(self, body: bytes, headers: dict[str, str]) -> None:
        async with self._http.stream(
            "POST", self.path, content=body, headers=headers,
            params={"conversation": str(id(self))},
        ) as response:  # fmt: skip
            response.raise_for_status()
            async for line in response.aiter_lines():
                if not line.startswith("data: "):
                    continue
                event = json.loads(line.removeprefix("data: "))
                if event["type"] == "speech.audio.delta":
                    pcm = base64.b64decode(event["audio"])
                    self.playback.take(pcm, RATE, time.monotonic())
