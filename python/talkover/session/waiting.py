"""A caller who is connected here, and whose session another process still has.

Nothing of the session is read or changed until the caller says `talkover.resume`. What it said on
the way from there to here is kept, so that no word is lost between the two.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from ..errors import TalkoverError
from ..media import items as m
from ..media.port import MediaPort, Peer
from ..protocol import commands as c
from ..protocol import facts as f
from ..protocol.errors import BadEvent
from .leg import DataChannel, Dialect
from .session import Session

log = structlog.get_logger("talkover.waiting")

WAITS_S = 20.0
"""Who has not resumed by then is let go."""
GAP_S = 1.0
"""Between the last that the other process hears and the first that this one does."""
MOST_SPEECH_S = 10.0
"""Of a voice that began in the gap."""


class Gap:
    """What came before the session did. Pure; `now` in seconds.

    Sound of the last `GAP_S`, or from before a voice that is still on; of all else everything.
    """

    def __init__(self) -> None:
        self._sound: deque[tuple[float, m.AudioIn | m.Speech]] = deque()
        self._rest: list[m.Item] = []
        self._voice: float | None = None

    def take(self, item: m.Item, now: float) -> None:
        match item:
            case m.AudioIn():
                self._sound.append((now, item))
            case m.Speech(on):
                self._voice = now if on else None
                self._sound.append((now, item))
            case m.Connected() | m.Closed() | m.Video() | m.Text():
                self._rest.append(item)
            case _:
                return
        began = now if self._voice is None else max(self._voice, now - MOST_SPEECH_S)
        while self._sound and self._sound[0][0] < began - GAP_S:
            self._sound.popleft()

    def items(self) -> list[m.Item]:
        """In order: what is about the leg first."""
        return [*self._rest, *(item for _, item in self._sound)]


class WaitingCaller:
    """Binds `peer`. `claim` makes its session, which then has the peer's items; `free` gives back
    the place that was kept, where that never comes about."""

    def __init__(
        self,
        media: MediaPort,
        peer: Peer,
        codec: Dialect,
        claim: Callable[[str], Awaitable[Session]],
        free: Callable[[], None],
    ) -> None:
        self._peer, self._codec, self._claim, self._free = peer, codec, claim, free
        self._loop = asyncio.get_running_loop()
        self._channel, self._gap, self._transport = DataChannel(peer, codec), Gap(), "webrtc"
        self._claiming: asyncio.Task[None] | None = None
        self._late = self._loop.call_later(WAITS_S, peer.close)
        media.bind(peer, self._handle)

    def _handle(self, item: m.Item) -> None:
        match item:
            case m.Text(text) if self._claiming is None:
                self._text(text)
            case m.Connected(transport):
                self._transport = transport
                self._gap.take(item, self._loop.time())
            case m.Closed() if self._claiming is None:
                self._late.cancel()
                self._free()
            case _:
                self._gap.take(item, self._loop.time())

    def _text(self, text: str) -> None:
        try:
            command = self._codec.decode(text)
            if not isinstance(command, c.Resume):
                raise early(command)
        except BadEvent as error:
            self._refuse(error.type, error.code, str(error), error.event_id)
            return
        self._late.cancel()
        self._claiming = asyncio.create_task(self._resume(), name="resume")

    async def _resume(self) -> None:
        try:
            session = await self._claim(self._transport)
        except TalkoverError as error:
            log.warning("a caller who waited could not resume", error=error.message)
            self._refuse("invalid_request_error", error.code, error.message, None)
            self._peer.close()
            return
        for item in self._gap.items():
            session.handle(item)

    def _refuse(self, kind: str, code: str | None, message: str, event_id: str | None) -> None:
        self._channel.tell((0, 0, f.Failed(kind, code, message, event_id=event_id)))


def early(command: c.Command) -> BadEvent:
    """What is said of all that comes before `talkover.resume`."""
    return BadEvent(
        "This leg has no session yet; send talkover.resume first, once the other leg was let go.",
        code="invalid_value",
        event_id=command.event_id,
    )
