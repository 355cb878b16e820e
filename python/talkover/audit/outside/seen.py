"""What the probes saw, as data. All times are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request and its answer, timed from when the request was begun.

    `connect_ms` and `tls_ms` are None over a connection that was kept. `first_ms` is the first
    byte of the body (of the headers, where there is no body), `last_ms` the last that was read;
    `chunks` are (ms, bytes). `cut`: the answer was longer than a probe reads.
    """

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    connect_ms: float | None
    tls_ms: float | None
    first_ms: float
    last_ms: float
    chunks: tuple[tuple[float, bytes], ...] = ()
    cut: bool = False

    @property
    def setup_ms(self) -> float:
        """Connecting, TLS included; 0 over a kept connection."""
        return (self.connect_ms or 0.0) + (self.tls_ms or 0.0)

    @property
    def wait_ms(self) -> float:
        """From the request on an open connection to the first byte."""
        return max(self.first_ms - self.setup_ms, 0.0)

    @property
    def body(self) -> bytes:
        return b"".join(chunk for _, chunk in self.chunks)

    def header(self, name: str) -> str:
        """Its value in small letters; empty where it is not there."""
        return next((value.lower() for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class HttpSeen:
    """Three requests, one after the other: a first one, one that may keep its connection, and one
    over a new connection. `hops` are redirects that were followed (same host only); `away` is one
    that leads to another host, where the audit ends."""

    url: str
    exchanges: tuple[Exchange, ...] = ()
    hops: tuple[Exchange, ...] = ()
    away: str | None = None
    h2: bool | None = None
    """Whether the server would speak HTTP/2; None where there is no TLS to ask by."""
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class SocketSeen:
    """A WebSocket: its handshake, a ping, a while of silence, and a reader who does not read.

    `status` is the HTTP status where the handshake was refused. `idle_closed_s` is when the server
    closed a silent socket, None where it stayed for `idle_waited_s`. While nothing was read,
    `unread_sent` bytes were taken by the server, and `unread_kept` came afterwards.
    """

    url: str
    handshake_ms: float | None = None
    ping_ms: float | None = None
    deflate: bool = False
    idle_waited_s: float | None = None
    idle_closed_s: float | None = None
    garbage: bool = False
    """What came after the handshake were no frames (RFC 6455 §5)."""
    unread_sent: int = 0
    unread_kept: int = 0
    away: str | None = None
    status: int | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address that an SDP answer names (RFC 8839 §5.1)."""

    address: str
    port: int
    protocol: str
    kind: str


@dataclass(frozen=True, slots=True)
class CallsSeen:
    """Two SDP offers and their answers. `restart` is the HTTP status that an ICE restart got;
    `rtt_ms` the quickest authenticated STUN answer of a UDP candidate, None where none came."""

    url: str
    answers: tuple[tuple[Candidate, ...], ...] = ()
    answer_ms: tuple[float, ...] = ()
    trickles: bool = False
    restart: int | None = None
    located: bool = False
    """Whether the answer said where the call can be changed and ended (Location)."""
    rtt_ms: float | None = None
    status: int | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class SpokenSeen:
    """A real call in which the agent was interrupted aloud.

    `levels` are (seconds, dBFS) of the agent's sound as it arrived, `cut_in_s` when the voice that
    cuts in began, `cut_over_s` when it ended.
    """

    connected_ms: float
    asked_s: float | None = None
    levels: tuple[tuple[float, float], ...] = ()
    cut_in_s: float | None = None
    cut_over_s: float | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """One streamed answer of a model: when each piece of text came, ms from the request's begin."""

    setup_ms: float
    tokens_ms: tuple[float, ...]
    status: int
    error: str = ""

    @property
    def first_ms(self) -> float | None:
        """The first token, as over an open connection."""
        return self.tokens_ms[0] - self.setup_ms if self.tokens_ms else None


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """An OpenAI-compatible model: three answers (the first, one on the same connection, one on a
    new one), and the first tokens of 1, 2 and 4 requests at once."""

    url: str
    model: str | None = None
    answers: tuple[Completion, ...] = ()
    together: tuple[tuple[int, tuple[float, ...]], ...] = field(default=())
    failure: str | None = None
