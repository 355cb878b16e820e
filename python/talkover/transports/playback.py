"""A client's loudspeaker. Pure: sound and its arrival in, what is heard when out."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

LOUD = 300
"""A sample's peak in what is no silence."""
PREBUFFER_S = 0.08
"""What every client that plays as it receives keeps before it starts, and after it ran dry."""


@dataclass(slots=True)
class Piece:
    """Mono s16le that begins to sound at `start`, in seconds of the clock."""

    start: float
    pcm: bytes
    rate: int

    @property
    def end(self) -> float:
        return self.start + len(self.pcm) / 2 / self.rate

    @property
    def is_loud(self) -> bool:
        return max(array("h", self.pcm), default=0) >= LOUD


class Playback:
    """Plays what came, in order and without a break, as a sound device does."""

    def __init__(self, prebuffer_s: float = PREBUFFER_S) -> None:
        self._prebuffer = prebuffer_s
        self.pieces: list[Piece] = []
        self._deaf = False

    @property
    def end(self) -> float:
        """When it runs dry, or ran."""
        return self.pieces[-1].end if self.pieces else float("-inf")

    def take(self, pcm: bytes, rate: int, now: float) -> None:
        """Sound that arrived; dropped between `stop` and `listen`."""
        if self._deaf or not pcm:
            return
        start = self.end if self.end > now else now + self._prebuffer
        self.pieces.append(Piece(start, pcm, rate))

    def stop(self, now: float) -> None:
        """Fall silent now, and stay so until `listen`."""
        self._deaf = True
        while self.pieces and self.pieces[-1].start >= now:
            self.pieces.pop()
        if self.pieces and self.pieces[-1].end > now:
            last = self.pieces[-1]
            last.pcm = last.pcm[: round((now - last.start) * last.rate) * 2]

    def listen(self) -> None:
        """The next answer is coming."""
        self._deaf = False

    def first(self, since: float, now: float) -> float | None:
        """When something loud began to be played. Cheap: it is asked during a call."""
        begun = (p.start for p in self.pieces if since <= p.start <= now and p.is_loud)
        return next(begun, None)

    def last(self, since: float) -> float | None:
        """When the last loud piece that came is over."""
        for piece in reversed(self.pieces):
            if piece.start < since:
                break
            if piece.is_loud:
                return piece.end
        return None

    def heard(self, since: float, now: float) -> float:
        """Seconds of sound that were played between the two."""
        return sum(max(0.0, min(piece.end, now) - max(piece.start, since)) for piece in self.pieces)
