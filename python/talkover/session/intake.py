"""The order of what a socket's client sends: sound takes a moment to be heard, commits wait for it.

Bounded both ways: little sound is under way to the media thread at a time, and who appends faster
than that is not read from until there is `room`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ..media.port import OpusDecoder, Peer
from ..protocol import commands as c
from ..protocol.config import Format, OpusFormat, PcmFormat
from ..protocol.errors import BadEvent
from .ear import RATE
from .g711 import Expander
from .pcm16k import Raise

PIECE = 24000
"""Bytes handed over at once: half a second."""
MOST_UNDER_WAY = 2 * RATE
"""Samples at 16 kHz that the media thread may have in hand."""
MOST_WAITING = 4 << 20
"""Bytes that wait here before the client is not read from any more."""
SLACK = 2 * RATE // 100
"""Samples that the resampler keeps."""
PATIENCE_S = 1.0
"""Sound that was not heard by then was lost on the way; nobody waits for it longer."""

BARRIERS = (c.CommitInput, c.ClearInput)
"""Commands about the sound before them; what follows one that waits, waits too."""


class Intake:
    """Belongs to one session. `handle` does a command whose turn it is."""

    def __init__(self, peer: Peer, handle: Callable[[c.Command], None]) -> None:
        self._peer, self._handle = peer, handle
        self._loop = asyncio.get_running_loop()
        self._queue: deque[bytes | c.Command] = deque()
        self._expander: Expander | Raise | OpusDecoder | None = None
        self._format: Format | None = None
        self._bytes = self._commands = 0
        self._sent = self._heard = 0
        self._room = asyncio.Event()
        self._room.set()
        self._timer: asyncio.TimerHandle | None = None

    async def room(self) -> None:
        """Until the client may be read from again."""
        await self._room.wait()

    def append(self, command: c.AppendAudio, format: Format) -> None:
        """Sound for the session's ear. BadEvent where it cannot be sound."""
        pcm = self._pcm(command, format)
        self._bytes += len(pcm)
        self._queue.extend(pcm[at : at + PIECE] for at in range(0, len(pcm), PIECE))
        self._flow()

    def take(self, command: c.Command) -> None:
        """A command, now or behind what it has to wait for. BadEvent where it is done now."""
        waits = isinstance(command, BARRIERS) and (self._bytes or self._under_way > SLACK)
        if not waits and not self._commands:
            self._handle(command)
            return
        self._queue.append(command)
        self._commands += 1
        self._flow()

    def heard(self, samples: int) -> None:
        """So many samples at 16 kHz have come out of the media thread."""
        self._heard = samples
        if self._queue:
            self._flow()

    def restart(self, peer: Peer) -> None:
        """What was appended and not yet heard goes with the peer that it was for."""
        self._peer, self._sent, self._heard, self._bytes = peer, 0, 0, 0
        self._queue = deque(one for one in self._queue if not isinstance(one, bytes))
        self._flow()

    def close(self) -> None:
        self._queue.clear()
        self._room.set()
        if self._timer is not None:
            self._timer.cancel()

    @property
    def _under_way(self) -> int:
        return self._sent * 2 // 3 - self._heard

    def _pcm(self, command: c.AppendAudio, format: Format) -> bytes:
        sound = command.sound
        if isinstance(format, PcmFormat):
            if len(sound) % 2:
                raise BadEvent(
                    "The audio has an odd number of bytes; 16-bit samples have two bytes each.",
                    code="invalid_value",
                    param="audio",
                    event_id=command.event_id,
                )
        if format != self._format:
            self._format, self._expander = format, expander(format)
        if self._expander is None:
            return sound
        try:
            return self._expander.push(sound)
        except ValueError:
            raise BadEvent(
                "The audio is no Opus packet; append one packet at a time, without a container.",
                code="invalid_value",
                param="audio",
                event_id=command.event_id,
            ) from None

    def _flow(self) -> None:
        queue = self._queue
        while queue:
            head = queue[0]
            if isinstance(head, bytes):
                if self._under_way > MOST_UNDER_WAY:
                    break
                self._peer.listen(head)
                self._sent += len(head) // 2
                self._bytes -= len(head)
            elif isinstance(head, BARRIERS) and self._under_way > SLACK:
                break
            queue.popleft()
            if not isinstance(head, bytes):
                self._commands -= 1
                self._handle(head)
        if self._bytes > MOST_WAITING:
            self._room.clear()
        else:
            self._room.set()
        self._watch()

    def _watch(self) -> None:
        """The media thread may drop sound; what waits for it goes on without."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._queue:
            self._timer = self._loop.call_later(PATIENCE_S, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        self._heard = self._sent * 2 // 3
        self._flow()


def expander(format: Format) -> Expander | Raise | OpusDecoder | None:
    """What makes PCM at 24 kHz of a format; None where it is that."""
    match format:
        case OpusFormat():
            return OpusDecoder()
        case PcmFormat():
            return None if format.rate == 24000 else Raise()
        case _:
            return Expander(format.type)
