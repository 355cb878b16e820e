"""The caller's ear: which part of the sound belongs to an utterance, and its words."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ..engines.base import Stt, SttStream, Words
from ..errors import EngineError

RATE = 16000
PREFIX_MS = 300
"""Sound from before the onset that belongs to the utterance."""
MOST_SECONDS = 120
"""Of one utterance; what comes after is heard by the detector only."""
PATIENCE_S = 15.0


class Ear:
    """Feeds utterances to speech recognition. Only on the loop's thread.

    `on_words` gets partial and final words, `on_failure` what went wrong. A final result that was
    overtaken by further speech is dropped.
    """

    def __init__(
        self,
        stt: Stt,
        language: str,
        on_words: Callable[[Words], None],
        on_failure: Callable[[EngineError], None],
    ) -> None:
        self._on_words = on_words
        self._on_failure = on_failure
        self._open = lambda: stt.open(language, self._partial)
        self._stream = self._open()
        self._before: deque[bytes] = deque()
        self._before_bytes = 0
        self._sound = bytearray()
        self._round = 0
        self._task: asyncio.Task[Words] | None = None
        self.hearing = False

    @property
    def sound(self) -> bytes:
        """The utterance so far, 16 kHz mono s16le."""
        return bytes(self._sound)

    @property
    def seconds(self) -> float:
        return len(self._sound) / 2 / RATE

    @property
    def is_full(self) -> bool:
        """There was more than it keeps."""
        return self.seconds >= MOST_SECONDS

    def hear(self, pcm: bytes) -> None:
        """Take all of the caller's sound, speech or not."""
        if self.hearing:
            self._feed(pcm)
            return
        self._before.append(pcm)
        self._before_bytes += len(pcm)
        most = RATE * 2 * PREFIX_MS // 1000
        while self._before and self._before_bytes - len(self._before[0]) >= most:
            self._before_bytes -= len(self._before.popleft())

    def begin(self) -> None:
        """Speech began or goes on; words awaited from before it are stale."""
        self._round += 1
        if not self.hearing:
            self.hearing = True
            before = b"".join(self._before)
            self._before.clear()
            self._before_bytes = 0
            if before:
                self._feed(before)

    def pause(self) -> None:
        """Speech ended: ask for the words so far, unless it goes on meanwhile."""
        if self.hearing:
            self._round += 1
            asked = self._round
            task = self.words()
            task.add_done_callback(lambda done: self._deliver(done, asked))

    def words(self) -> asyncio.Task[Words]:
        """The utterance's words; the task raises EngineError."""
        self._task = asyncio.create_task(self._finish(self._stream, self._task))
        return self._task

    def take(self) -> asyncio.Task[Words]:
        """As `words`, of an utterance that is over: what is heard from now on is another."""
        task, stream = self.words(), self._stream
        task.add_done_callback(lambda _: stream.close())
        self._stream, self._task = self._open(), None
        self._round += 1
        self.hearing = False
        self._sound = bytearray()
        return task

    def reset(self) -> None:
        """The utterance is over or nobody's; forget it."""
        self._round += 1
        if self.hearing:
            self.hearing = False
            self._sound = bytearray()
            self._stream.reset()

    def close(self) -> None:
        self._round += 1
        if self._task is not None:
            self._task.cancel()
        self._stream.close()

    def _feed(self, pcm: bytes) -> None:
        if not self.is_full:
            self._sound += pcm
            self._stream.feed(pcm)

    async def _finish(self, stream: SttStream, before: asyncio.Task[Words] | None) -> Words:
        if before is not None:
            await asyncio.wait([before])
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await stream.finish()
        except TimeoutError:
            raise EngineError(
                f"Speech recognition gave no words within {PATIENCE_S:.0f} s; check its server."
            ) from None

    def _deliver(self, done: asyncio.Task[Words], asked: int) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if asked != self._round:
            return
        if error is None:
            self._on_words(done.result())
        elif isinstance(error, EngineError):
            self._on_failure(error)
        else:
            self._on_failure(EngineError(f"Speech recognition failed: {error}."))

    def _partial(self, words: Words) -> None:
        if self.hearing:
            self._on_words(words)
