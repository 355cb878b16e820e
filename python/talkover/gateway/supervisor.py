"""A supervisor's socket: hears both sides of a call, steers it, may speak in the agent's place."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Hashable
from typing import Any

from starlette.websockets import WebSocket

from ..media import items as m
from ..protocol import commands as c
from ..protocol import facts as f
from ..protocol.ids import fresh
from ..protocol.realtime import Codec
from ..session.session import Session
from .converse import converse

MOST_WAITING = 500
"""Packets, 10 s of one side: a live view, of which a slow reader loses the oldest."""


class Supervisor:
    """The codec of such a socket. `close` when it is over: a call that it took is handed back."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._codec = Codec(extensions=True, audio_events=False, operator=True)
        self._packets: deque[m.Packet] = deque(maxlen=MOST_WAITING)
        self._took = False
        session.packets.attach(self._packets.append)

    def close(self) -> None:
        self._session.packets.detach(self._packets.append)
        if self._took:
            self._session.takeover.set(False)

    @property
    def alike(self) -> Hashable:
        return self._codec.alike

    def encode(self, fact: f.Fact, at_ms: int = 0) -> list[dict[str, Any]]:
        return self._codec.encode(fact, at_ms)

    def decode(self, text: str | bytes) -> c.Command:
        """What is appended here is the human's voice, not the caller's. BadEvent."""
        match self._codec.decode(text):
            case c.AppendAudio() as appended:
                return c.HumanVoice(appended.sound, appended.event_id)
            case c.TakeOver(on) as command:
                self._took = on
                return command
            case command:
                return command

    def packets(self) -> list[dict[str, Any]]:
        """Those that came since the last time."""
        now = self._session.clock()
        taken = [self._packets.popleft() for _ in range(len(self._packets))]
        return [
            {
                "type": "talkover.packet",
                "event_id": fresh("event"),
                "side": "user" if packet.user else "agent",
                "ticks": packet.ticks,
                "at_ms": round((now - packet.age) * 1000),
                "opus": base64.b64encode(packet.opus).decode(),
            }
            for packet in taken
        ]


async def listen(socket: WebSocket, session: Session) -> None:
    """To the end of the socket or the call."""
    supervisor = Supervisor(session)
    try:
        await converse(
            socket, session, supervisor, own=False, fill=supervisor.packets, gaps=True
        )  # fmt: skip
    finally:
        supervisor.close()
