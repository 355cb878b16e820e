"""What the media thread tells Python: typed items, one class each.

`at` of audio and speech counts 16 kHz samples of the caller's audio; positions of the agent's
voice are milliseconds within the audio of that reply (`epoch`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Connected:
    transport: str


@dataclass(frozen=True, slots=True)
class Open:
    """The data channel is open."""


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class AudioIn:
    at: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Speech:
    on: bool
    at: int
    echo_db: float | None = None
    """Level of the agent's echo against all that is heard; none where no echo is known."""


@dataclass(frozen=True, slots=True)
class Ducked:
    epoch: int
    position_ms: int


@dataclass(frozen=True, slots=True)
class Held:
    epoch: int
    position_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
    epoch: int
    position_ms: int


@dataclass(frozen=True, slots=True)
class Started:
    """`age`: seconds since its first sound went."""

    epoch: int
    rtp: int
    age: float


@dataclass(frozen=True, slots=True)
class Guarded:
    """The voice enters (or leaves) a span that the reflex leaves alone."""

    epoch: int
    on: bool


@dataclass(frozen=True, slots=True)
class WordBegan:
    epoch: int
    index: int


@dataclass(frozen=True, slots=True)
class Room:
    epoch: int
    queued_ms: int


@dataclass(frozen=True, slots=True)
class Stopped:
    epoch: int
    played_ms: int


@dataclass(frozen=True, slots=True)
class Flushed:
    epoch: int
    played_ms: int


@dataclass(frozen=True, slots=True)
class Output:
    epoch: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Packet:
    """Opus of a recorded call. `ticks` count 48 kHz on that side's own clock; its sound began `age`
    seconds ago (below zero: it will)."""

    user: bool
    ticks: int
    age: float
    opus: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Described:
    """The SDP that was asked for, an answer to a later offer or a later offer, or why there is
    none."""

    sdp: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Video:
    """Whether the caller's camera sends (`comes`), and the caller takes pictures (`goes`). Told
    where video was agreed on, and when it changes."""

    comes: bool
    goes: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """What `Peer.look` wanted to see, taken `age` seconds ago; pixels, and a WebP file."""

    age: float
    width: int
    height: int
    webp: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """The same of a caller who films with H.264: a key frame (Annex B) that is still to be
    decoded."""

    age: float
    h264: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nobody is known to listen any more; the voice waits where it was last heard."""


@dataclass(frozen=True, slots=True)
class Back:
    """The caller is heard of again, and the voice goes on."""


@dataclass(frozen=True, slots=True)
class Closed:
    reason: str


@dataclass(frozen=True, slots=True)
class Rtt:
    ms: float
    loss: float


Item = (
    Connected | Open | Text | AudioIn | Speech | Ducked | Held | Resumed | Started | Guarded
    | WordBegan | Room | Stopped | Flushed | Output | Packet | Described | Video | Picture
    | KeyFrame | Quiet | Back | Closed | Rtt
)  # fmt: skip

KINDS: dict[str, Callable[..., Item]] = {
    "connected": Connected,
    "open": Open,
    "text": Text,
    "audio": AudioIn,
    "speech": Speech,
    "ducked": Ducked,
    "held": Held,
    "resumed": Resumed,
    "started": Started,
    "guarded": Guarded,
    "word": WordBegan,
    "room": Room,
    "stopped": Stopped,
    "flushed": Flushed,
    "output": Output,
    "packet": Packet,
    "described": Described,
    "video": Video,
    "picture": Picture,
    "key_frame": KeyFrame,
    "quiet": Quiet,
    "back": Back,
    "closed": Closed,
    "rtt": Rtt,
}


def typed(raw: tuple[Any, ...]) -> tuple[int, Item]:
    """(kind, peer, fields…) as the native module gives it -> (peer, item)."""
    return raw[1], KINDS[raw[0]](*raw[2:])
