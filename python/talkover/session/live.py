"""An agent without turns: what it yields is spoken as it comes, whoever else is speaking."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from ..errors import AgentError, EngineError
from ..values import Audio, Image, Say

T = TypeVar("T")

PAUSE_S = 0.4
"""Nothing new for so long ends a reply; what comes later is another."""
STALLED_S = 5.0
"""The same where a model has not said yet that it is done."""
CALLS_S = 0.05
"""The same behind a call: others of the same request come at once."""
MOST_PIECES = 256
FRAME_BYTES = 640
MOST_TAPPED = 500
"""10 s of audio. A reader that is slower loses the oldest: this is a live view, not a record."""


@dataclass(slots=True, eq=False)
class Source:
    """One thing that a speech-to-speech model says, by its own name for it.

    `heard_ms` of it were heard; once it is `over`, what is still to come of it is dropped.
    """

    id: str
    given_ms: float = 0.0
    heard_ms: float = 0.0
    over: bool = False
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Voiced:
    """Sound with the words that belong to it; either may be empty. `last`: its source is done."""

    audio: Audio
    text: str
    source: Source
    last: bool = False


@dataclass(frozen=True, slots=True)
class ClientCall:
    """The model calls a tool that the client runs."""

    call_id: str
    name: str
    arguments: str


Said = str | Audio | Image | Say | Voiced | ClientCall
Piece = Said | EngineError
"""An error fails the reply that takes it."""
_PIECES = (str, Audio, Image, Say, Voiced, ClientCall, EngineError)


class Tap(Generic[T]):
    """A live view for agent code: iterate; it ends with the session."""

    def __init__(self) -> None:
        self._kept: deque[T] = deque(maxlen=MOST_TAPPED)
        self._wake = asyncio.Event()
        self._over = False

    def put(self, value: T) -> None:
        self._kept.append(value)
        self._wake.set()

    def close(self) -> None:
        self._over = True
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            while self._kept:
                yield self._kept.popleft()
            if self._over:
                return
            self._wake.clear()
            await self._wake.wait()


def frames(pcm: bytes) -> Iterator[Audio]:
    """16 kHz sound as agents get it: 20 ms each."""
    for start in range(0, len(pcm), FRAME_BYTES):
        yield Audio(pcm[start : start + FRAME_BYTES], 16000)


class Live:
    """Between the agent's generator and the replies that carry what it yields.

    `wants` is called when there is something to say and no reply that takes it.
    """

    def __init__(self, wants: Callable[[], None]) -> None:
        self._wants = wants
        self._pieces: asyncio.Queue[Piece] = asyncio.Queue(MOST_PIECES)
        self._taken = False

    @property
    def waiting(self) -> bool:
        return not self._pieces.empty()

    async def run(self, generator: AsyncGenerator[Piece | None]) -> None:
        """Until the generator ends. AgentError for what cannot be spoken."""
        async with aclosing(generator) as stream:
            async for piece in stream:
                if piece is None or piece == "":
                    continue
                if not isinstance(cast(object, piece), _PIECES):
                    name = type(piece).__name__
                    raise AgentError(
                        f"@agent.live yielded {name}; yield str, Audio, Image, Say or None."
                    )
                await self._pieces.put(piece)
                if not self._taken:
                    self._wants()

    def offer(self, piece: Piece) -> None:
        """To be spoken now, or, where too much waits, never."""
        if not self._pieces.full():
            self._pieces.put_nowait(piece)
            if not self._taken:
                self._wants()

    def drop(self) -> None:
        """Forget what no reply has taken yet."""
        while not self._pieces.empty():
            self._pieces.get_nowait()

    async def burst(self, pause: float = PAUSE_S) -> AsyncGenerator[Said]:
        """What one reply says: all that comes without a pause, or until a model says it is all.

        `pause`: seconds until the first piece. EngineError where the model failed.
        """
        self._taken = True
        try:
            while True:
                try:
                    async with asyncio.timeout(pause):
                        piece = await self._pieces.get()
                except TimeoutError:
                    return
                if isinstance(piece, EngineError):
                    raise piece
                yield piece
                match piece:
                    case Voiced(last=True):
                        return
                    case Voiced():
                        pause = STALLED_S
                    case ClientCall():
                        pause = CALLS_S
                    case _:
                        pause = PAUSE_S
        finally:
            self._taken = False
