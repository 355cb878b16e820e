"""The native media module. Audio is PCM, signed 16-bit little-endian, mono."""

from typing import Any, Self, final

__all__ = [
    "ChannelFull",
    "Media",
    "OfferError",
    "OpusDecoder",
    "OpusEncoder",
    "Peer",
    "Simulation",
    "TextTooLong",
    "encode_opus",
    "loudness",
]

class OfferError(ValueError):
    """An SDP that cannot be used; the text is safe to show to a client."""

class TextTooLong(ValueError):
    """A text that the other side's data channel does not take; the message says what it does."""

class ChannelFull(RuntimeError):
    """Too much waits for the data channel already."""

@final
class Media:
    """Media threads that share one UDP port, with a TCP listener on the same number.

    `host` is an IP address; port 0 takes any number that UDP and TCP both have free. Raises OSError
    where the port is taken. Methods may be called from any thread and do not wait for the media
    threads, except `close`. To `dial` there must be one thread.
    """

    port: int
    def __new__(
        cls, host: str, port: int, public_ip: str | None = None, threads: int = 1
    ) -> Self: ...
    def fileno(self) -> int:
        """A descriptor that is readable while `drain` has something."""
    def answer(self, offer: str) -> tuple[Peer, str]:
        """A peer for an SDP offer, and the SDP answer (ICE-lite). Raises OfferError."""
    def dial(self, tcp: bool = False, video: bool = False) -> tuple[Peer, str]:
        """The calling side: a peer and its SDP offer (audio both ways, channel "oai-events", and
        pictures both ways where there is to be `video`)."""
    def attach(self) -> Peer:
        """A peer without transport: `Peer.listen` in, "output" items out."""
    def drain(self) -> list[tuple[Any, ...]]:
        """All items since the last call, as tuples (kind, peer id, fields…)."""
    def stats(self) -> dict[str, float]:
        """Counters; lateness is how long after its due time a frame was sent, ms.

        "frames_late" of "frames_sent" went out more than 10 ms late, since the start."""
    def reset_lateness(self) -> None:
        """Forget the lateness so far."""
    def close(self) -> None:
        """End the threads and every peer; no further items come."""

@final
class Peer:
    """One caller. An epoch numbers a reply; `flush(e)` kills every epoch up to e.

    Methods queue a command and return; after `Media.close` they raise RuntimeError.
    """

    id: int
    def accept(self, answer: str) -> None:
        """Calling side: take the answer; over TCP this connects (at most 3 s). OfferError."""
    def restart(self, offer: str) -> None:
        """Have a later offer of the same caller answered, with new ICE credentials where it goes on
        from another address: "described" follows. OfferError for what cannot be read."""
    def offer_restart(self) -> None:
        """Calling side, over UDP: offer to go on from the addresses that this machine has now;
        "described" follows, and `accept` takes the answer. OfferError where nothing was dialled."""
    def listen(self, pcm: bytes) -> None:
        """Caller's audio of an attached peer, 24 kHz. ValueError for an odd length."""
    def play(
        self, epoch: int, pcm: bytes, rate: int, marks: list[int], guarded: bool = False
    ) -> int:
        """Queue the agent's voice; `marks` are sample offsets in this chunk where words start.
        The reflex leaves a `guarded` chunk alone, and "guarded" tells where such begin and end.

        Returns the milliseconds now queued for `epoch`, or -1 where it is dead. Resampled to
        24 kHz in the caller's thread. ValueError for an odd length or an impossible rate.
        """
    def play_opus(self, packets: list[bytes], looped: bool = False, deaf: bool = False) -> None:
        """Calling side: send these 20 ms packets, one each 20 ms from when it is connected.

        `deaf`: what comes is counted ("frames_in") and not decoded, so that a load generator
        measures the server and not itself.
        """
    def finish(self, epoch: int) -> None:
        """No more audio will come for `epoch`; "stopped" follows when it was played."""
    def release(self, epoch: int) -> None:
        """Let `epoch` be heard; before that it is only prepared."""
    def flush(self, epoch: int) -> None:
        """Kill `epoch` and those before it: a 5 ms fade, then "flushed" with the position."""
    def hold(self) -> None:
        """Fall silent and keep the place."""
    def resume(self) -> None:
        """Go on from the interrupted word (or the held sample), at full level."""
    def policy(
        self,
        *,
        duck: bool,
        hold: bool,
        hold_after_ms: int,
        resume_after_ms: int,
        max_hold_ms: int,
    ) -> None:
        """What the reflex does on the media thread when the caller makes a sound."""
    def look(self, patience_ms: int) -> None:
        """Want the next whole key frame of the other side's video; "picture" tells it, or
        "key_frame" where that is H.264.

        Nothing is told where none comes in time (60 s at most) or there is no video.
        """
    def show(self, webp: bytes) -> None:
        """Send a picture as video; nothing where the other side takes none.

        ValueError for anything but a still, lossy WebP of at most 512 KiB and 16 megapixels.
        """
    def suppress_noise(self, on: bool) -> None:
        """Take noise out of the caller's sound before it is told, 22 ms later; not before it is
        judged (speech, the reflex) or recorded."""
    def record(self, on: bool) -> None:
        """Tell both sides of the call as Opus: "packet" items, which a full inbox drops."""
    def send(self, text: str) -> None:
        """Send text on the data channel; kept until it opens. TextTooLong: the other side takes no
        such length (RFC 8841). ChannelFull: it has not taken the last megabyte. Either way later
        ones may go."""
    def close(self) -> None:
        """Hang up."""

@final
class Simulation:
    """Peers in virtual time, for tests: real ear, reflex and playout; nothing runs by itself.

    `begin`, `end`, `until` and what `advance` returns are ns since it was made; `peer` is an id.
    """

    def attach(self) -> Peer:
        """A peer whose caller is silent, over a network that takes no time. Before time passes."""
    def speak(self, peer: int, begin: int, end: int) -> None:
        """The caller is imagined to have a voice from `begin` to `end`, later than any before."""
    def sound(self, peer: int, pcm: bytes, rate: int) -> None:
        """The caller makes this sound, from now on or after what it makes already."""
    def film(self, peer: int, webp: bytes | None) -> None:
        """The caller's camera shows a picture from now on; None: it is off. ValueError."""
    def seen(self, peer: int) -> list[tuple[int, bytes]]:
        """What the caller was shown while the peer was open: (ms, WebP)."""
    def advance(self, until: int) -> int:
        """Let time pass until `until`, or until `drain` has more than the caller's sound."""
    def drain(self) -> list[tuple[Any, ...]]:
        """All items since the last call, as `Media.drain` gives them."""
    def heard(self, peer: int) -> list[tuple[int, int, int]]:
        """What the caller heard while the peer was open: (from ms, to ms, dB of full scale)."""

@final
class OpusDecoder:
    """One sender's packets, outside of a call; they come in order and none is lost."""

    def __new__(cls) -> Self: ...
    def push(self, packet: bytes) -> bytes:
        """The packet's sound, 24 kHz, 2.5 to 120 ms. ValueError for what is no Opus packet."""

@final
class OpusEncoder:
    """24 kHz audio as Opus, outside of a call, in low-delay mode at `bitrate` bits a second."""

    def __new__(cls, bitrate: int = 28000) -> Self: ...
    def push(self, pcm: bytes) -> list[bytes]:
        """Packets of 20 ms; a rest that is shorter waits. ValueError for an odd length."""

def encode_opus(pcm: bytes, bitrate: int = 20000, wideband: bool = True) -> list[bytes]:
    """24 kHz audio as 20 ms Opus packets, as a browser makes them, for `Peer.play_opus`.

    `wideband`: without what lies above 8 kHz, as for a receiver that says it plays 16 kHz.
    """

def loudness(pcm: bytes, step: int) -> list[float]:
    """The mean square of each `step` samples of s16le; the last may be of fewer. ValueError for an
    odd length, or a step without samples."""
