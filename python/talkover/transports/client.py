"""What every client here has in common: a voice to say things with, and a loudspeaker."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol, Self

from .clip import Clip
from .playback import Playback

ANSWER_S = 60.0
"""The longest wait for a server, blackouts included."""
END_SILENCE_S = 0.5
"""What a client that must judge the end of a turn by silence alone waits for; Talkover's clients
send on, and its server judges by the words."""


class Client(Protocol):
    """`async with` connects. Times are `time.monotonic()`; all on the event loop's thread."""

    playback: Playback

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...

    def say(self, clip: Clip) -> float:
        """Begin to say it; when its first sample is spoken."""
        ...

    def cut_in(self, now: float) -> None:
        """The client's own voice detector heard its caller over the agent: fall silent at once, and
        drop what still comes of that answer."""
        ...


@dataclass(frozen=True, slots=True)
class Ways:
    """Where the server is, beyond the bad network: HTTP by one port, media by two others."""

    http: int
    udp: int = 0
    tcp: int = 0


async def cancelled(task: asyncio.Task[None] | None) -> None:
    """End a task of one's own and wait until it has."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
