"""What the server is at this moment, read when somebody asks for the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .. import __version__
from ..cluster.base import Backlog
from ..session.lobby import Lobby

TRANSPORTS = ("udp", "tcp", "webrtc", "websocket", "away")
"""Of calls; "webrtc" is one that has not connected yet, "away" one whose caller is waited for."""


NONE = Backlog(0, 0)


@dataclass(frozen=True, slots=True)
class Moment:
    """`calls` by transport; `limit` and `room` in calls; `media` as the native module has it."""

    ready: bool = False
    calls: Mapping[str, int] = field(default_factory=dict[str, int])
    limit: int = 0
    room: int = 0
    waiting: int = 0
    inbox: int = 0
    backlog: Backlog = NONE
    webhooks: int = 0
    untold: int = 0
    media: Mapping[str, float] = field(default_factory=dict[str, float])


def look(lobby: Lobby, webhooks: int, untold: int) -> Moment:
    """`webhooks` wait; `untold` were dropped on their way to NATS. Only on the loop's thread."""
    sessions = lobby.sessions
    return Moment(
        ready=lobby.ready,
        calls=Counter("away" if one.absence.is_on else one.transport for one in sessions),
        limit=lobby.capacity.limit,
        room=lobby.capacity.room(lobby.live) if lobby.ready else 0,
        waiting=max((session.stream.waiting for session in sessions), default=0),
        inbox=lobby.media.most_waiting(),
        backlog=lobby.backlog,
        webhooks=webhooks,
        untold=untold,
        media=lobby.media.core.stats(),
    )


class Gauges(Collector):
    def __init__(self, look: Callable[[], Moment]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        now = self._look()
        yield from _calls(now)
        yield from _queues(now)
        yield from _media(now.media)


def _calls(now: Moment) -> Iterator[Metric]:
    yield _gauge("info", "The version that runs.", {__version__: 1.0}, "version")
    live = {transport: float(now.calls.get(transport, 0)) for transport in TRANSPORTS}
    yield _gauge(
        "calls",
        "Live calls; webrtc: not connected yet; away: their callers are waited for.",
        live,
        "transport",
    )
    yield _gauge("ready", "Whether calls are taken.", float(now.ready))
    yield _gauge("capacity_calls", "Calls that this machine is known to carry.", now.limit)
    yield _gauge("room_calls", "Further calls that would be taken.", now.room)


def _queues(now: Moment) -> Iterator[Metric]:
    yield _gauge("reader_queue_facts", "Facts that wait for the slowest client.", now.waiting)
    yield _gauge(
        "inbox_items", "Items of the media threads that waited, the most since the last scrape.",
        now.inbox,
    )  # fmt: skip
    yield CounterMetricFamily(
        "talkover_inbox_dropped", "Pieces of sound that found no room among them.",
        value=now.media.get("inbox_dropped", 0),
    )  # fmt: skip
    yield _gauge(
        "log_waiting_writes", "Writes that the session log has not taken yet.", now.backlog.writes
    )
    yield _gauge("spool_bytes", "What they have on the disk while NATS is away.", now.backlog.bytes)
    yield _gauge("webhooks_waiting", "Webhooks that were not taken yet.", now.webhooks)
    yield CounterMetricFamily(
        "talkover_subjects_dropped", "Messages about live calls that NATS was not given.",
        value=now.untold,
    )  # fmt: skip


def _media(stats: Mapping[str, float]) -> Iterator[Metric]:
    yield _gauge(
        "frame_lateness_seconds",
        "How long after its time a frame of a voice was sent, since the start.",
        {
            "0.5": stats.get("lateness_p50_ms", 0) / 1000,
            "0.99": stats.get("lateness_p99_ms", 0) / 1000,
        },
        "quantile",
    )
    packets = CounterMetricFamily(
        "talkover_media_packets", "Packets of the media port.", labels=["direction"]
    )
    for direction in ("in", "out"):
        packets.add_metric([direction], stats.get(f"packets_{direction}", 0))
    yield packets
    yield _gauge("media_peers", "Peers of the media threads.", stats.get("peers", 0))
    for name, what in (
        ("frames_sent", "Frames of agents' voices sent, 20 ms each."),
        ("frames_late", "Those of them that were sent more than 10 ms late."),
    ):
        yield CounterMetricFamily(f"talkover_{name}", what, value=stats.get(name, 0))


def _gauge(
    name: str, what: str, values: float | Mapping[str, float], label: str | None = None
) -> GaugeMetricFamily:
    if not isinstance(values, Mapping):
        return GaugeMetricFamily(f"talkover_{name}", what, value=values)
    family = GaugeMetricFamily(f"talkover_{name}", what, labels=[label or ""])
    for one, value in values.items():
        family.add_metric([one], value)
    return family
