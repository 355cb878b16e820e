"""The three values that agents speak and see: Audio, Image, Say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .errors import AgentError

Interruptions = Literal["yes", "no", "overlap"]


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound: PCM, signed 16-bit little-endian, mono, at `rate` Hz.

    Anything with the buffer protocol is accepted as `data` and copied to bytes.
    """

    data: bytes
    rate: int = 24000

    def __post_init__(self) -> None:
        data = bytes(memoryview(self.data).cast("B"))
        if len(data) % 2:
            raise AgentError(
                f"Audio has {len(data)} bytes: 16-bit PCM needs an even number. "
                "Convert the samples to int16 before passing them."
            )
        if not 8000 <= self.rate <= 192000:
            raise AgentError(f"Audio at {self.rate} Hz: use a rate from 8000 to 192000.")
        object.__setattr__(self, "data", data)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.data) / 2 / self.rate


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: encoded bytes (`mime`), size in pixels, and `at`, seconds into the session."""

    data: bytes
    mime: str = "image/webp"
    width: int = 0
    height: int = 0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Say:
    """Speech with its own interruption policy for that span."""

    text: str
    interruptions: Interruptions = "yes"
