"""A session in this process with a socket's leg, and engines that know what to say."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

from talkover import Agent
from talkover.engines.base import SpeechToSpeech
from talkover.engines.mcp import McpConnection
from talkover.media.port import MediaPort
from talkover.protocol.config import first_config
from talkover.protocol.errors import BadEvent
from talkover.protocol.realtime import Codec
from talkover.session.cast import Cast, Names
from talkover.session.leg import Dialect
from talkover.session.session import Session
from talkover.session.stream import Entry
from talkover.testing.engines import Answers, ScriptedEar, ScriptedLlm, SteadyVoice

PATIENCE_S = 20.0
ANSWERS: Answers = {"long": " ".join(f"word{n}" for n in range(40)), "": "Hello to you."}


class Line:
    """What a WebSocket client would see: `send` events, `wait` for others."""

    def __init__(
        self, media: MediaPort, config: dict[str, Any] | None = None, *,
        answers: Answers = ANSWERS, agent: Agent | None = None, ear: ScriptedEar | None = None,
        first: float = 0.0, pace: float = 0.002, s2s: SpeechToSpeech | None = None,
        dialect: Callable[[Session], Dialect] = lambda _: Codec(
            extensions=False, audio_events=True
        ),
    ) -> None:  # fmt: skip
        self.llm = ScriptedLlm(answers, first=first, pace=0.0)
        self.ear = ear or ScriptedEar(final=0.0)
        cast = Cast(
            agent or Agent("x"), self.ear, self.llm, SteadyVoice(first=0.0, pace=pace), s2s=s2s,
            connect=McpConnection,
        )  # fmt: skip
        sessions: list[Session] = []
        peer = media.attach(lambda item: sessions[0].handle(item))
        self.session = Session(
            cast, first_config(config or {}), peer, Names("sess_1", "rtc_1"),
            transport="websocket", attach=media.attach, client_may=None,
        )  # fmt: skip
        sessions.append(self.session)
        self.events: list[dict[str, Any]] = []
        self._codec = dialect(self.session)
        self._more = asyncio.Event()
        self._seen = 0
        self.session.stream.attach(self._take)
        self.session.begin()

    def send(self, kind: str, **fields: Any) -> None:
        try:
            command = self._codec.decode(json.dumps({"type": kind, **fields}))
        except BadEvent as error:
            self.session.refuse(error)
            return
        self.session.submit(command)

    def type(self, text: str, **fields: Any) -> None:
        self.send("conversation.item.create", item=typed(text), **fields)

    def append(self, sound: bytes) -> None:
        self.send("input_audio_buffer.append", audio=base64.b64encode(sound).decode())

    async def wait(
        self, kind: str, true: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        """The next event of this kind after the last one that was waited for."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for n in range(self._seen, len(self.events)):
                    if self.events[n]["type"] == kind and true(self.events[n]):
                        self._seen = n + 1
                        return self.events[n]
                self._more.clear()
                await self._more.wait()

    async def error(self) -> dict[str, Any]:
        return (await self.wait("error"))["error"]

    def kinds(self, since: int = 0) -> list[str]:
        """Types of events, repeated ones once."""
        found: list[str] = []
        for event in self.events[since:]:
            if not found or found[-1] != event["type"]:
                found.append(event["type"])
        return found

    def _take(self, entry: Entry) -> None:
        self.events += self._codec.encode(entry[2], entry[1])
        self._more.set()


def typed(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content}
