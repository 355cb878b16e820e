"""Reads the facts of all sessions: counts them, logs each turn in a line, hands turns to traces."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from ..protocol import facts as f
from ..session.lobby import Lobby
from ..session.session import Session
from ..session.stream import Entry
from .figures import Figures
from .gauges import Gauges, look
from .metrics import Metrics
from .turns import Turn, Turns

log = structlog.get_logger("talkover.turn")

COLLECTORS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""The standard's variables: where one names a collector, it gets a trace of each turn."""

Trace = Callable[[Session, Turn], None]


def tracing(environment: Mapping[str, str]) -> Trace | None:
    """Traces for the collector that the environment names; None where it names none."""
    if not any(environment.get(name) for name in COLLECTORS):
        return None
    try:
        from .traces import to_collector
    except ImportError:
        log.warning("turns are not traced: install talkover[otel], or unset OTEL_EXPORTER_OTLP_…")
        return None
    return to_collector()


class Observatory:
    """Sees every session of a lobby from now on. Only on the loop's thread.

    `trace` gets each turn that is over; `webhooks` says how many wait, `untold` how many messages
    NATS was not given. What is read here is never audio, and what is logged and counted is never
    what anybody said.
    """

    def __init__(
        self,
        lobby: Lobby,
        trace: Trace | None = None,
        webhooks: Callable[[], int] = lambda: 0,
        untold: Callable[[], int] = lambda: 0,
    ) -> None:
        self.metrics = Metrics()
        self.figures: dict[str, Figures] = {}
        """Of each live session, by its id."""
        self.metrics.register(Gauges(lambda: look(lobby, webhooks(), untold())))
        self._trace = trace
        lobby.observers.append(self._observe)
        lobby.on_lag = self.metrics.lag

    def _observe(self, session: Session) -> None:
        self.metrics.taken(session.transport)
        session.stream.on_slow = self.metrics.slow
        figures = self.figures[session.id] = Figures()
        session.stream.attach(Reader(session, self.metrics, figures, self._trace).take)
        session.stream.attach(lambda entry: self._forget(session, entry))

    def _forget(self, session: Session, entry: Entry) -> None:
        if isinstance(entry[2], f.Ended):
            self.figures.pop(session.id, None)


class Reader:
    """Of one session."""

    def __init__(
        self, session: Session, metrics: Metrics, figures: Figures, trace: Trace | None
    ) -> None:
        self._session, self._metrics, self._trace = session, metrics, trace
        self._figures = figures
        self._turns = Turns()
        self._recorded = session.recording
        self._connected = self._away = False
        if self._recorded:
            metrics.recording("begun")

    def take(self, entry: Entry) -> None:
        _, at_ms, fact = entry
        self._metrics.take(fact)
        self._figures.take(fact)
        turn = self._turns.take(fact, at_ms)
        if turn is not None:
            self._over(turn)
        match fact:
            case f.Network("none"):
                self._away = True
            case f.Network(_, rtt_ms=None):
                self._arrived()
            case f.SessionUpdated(config):
                if self._recorded and not config.get("recording"):
                    self._recorded = False
                    self._metrics.recording("stopped")
            case f.Ended(_, how):
                self._metrics.ended(how, at_ms / 1000)
            case _:
                pass

    def _arrived(self) -> None:
        if self._away:
            # One that was never connected here began in another process.
            self._metrics.went_on("return" if self._connected else "recovery")
        elif self._connected:
            self._metrics.went_on("move")
        self._connected, self._away = True, False

    def _over(self, turn: Turn) -> None:
        self._metrics.turn(turn)
        self._figures.turn(turn)
        silence = {name: round(ms) for name, ms in turn.timings.items()}
        log.info(
            "turn", session=self._session.id, reply=turn.reply, status=turn.status,
            **{f"{name}_ms": ms for name, ms in silence.items()},
            **({"tools": len(turn.tools)} if turn.tools else {}),
        )  # fmt: skip
        if self._trace is not None:
            self._trace(self._session, turn)
