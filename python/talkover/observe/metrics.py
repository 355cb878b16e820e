"""The server's figures for Prometheus: fixed names, bounded labels, a registry of its own.

Counts what sessions say, on the loop's thread. `docs/metrics.md` is made of what is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import Any, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from ..protocol import facts as f
from ..session.account import STAGES
from .turns import Turn

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SILENCE_S = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
TOOL_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)
CALL_S = (1, 10, 30, 60, 180, 600, 1800, 3600)
RTT_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8)
LOSS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
LAG_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1)
LEGS = ("webrtc", "websocket")
CODES = (
    "engine_error", "engine_unreachable", "agent_error", "internal_error", "session_expired",
    "invalid_value", "invalid_json", "missing_required_parameter", "other",
)  # fmt: skip
"""Codes of failures that are counted by name, and what all others are."""
SOURCES = {"server_error": "server", "agent_error": "agent", "invalid_request_error": "client"}
"""Where an error arose that no engine made, by its type."""
REASONS = ("unauthorized", "forbidden", "limit", "full", "invalid", "failed")
_BY_STATUS = {401: "unauthorized", 403: "forbidden", 429: "limit", 503: "full"}
Cause = Literal["move", "restart", "return", "recovery"]
"""Another leg of its own will; ICE from another network; a caller who had vanished; and one whose
call began in another process."""
Recording = Literal["begun", "stopped"]


class Metrics:
    """`registry` is what `exposed` shows; whoever has more figures registers them there."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._calls()
        self._conversation()
        self._account()
        self._takers: dict[type, Callable[[Any], None]] = {
            f.Decided: lambda fact: self._decisions.labels(fact.decision).inc(),
            f.Ducked: lambda _: self._reflexes.labels("duck").inc(),
            f.Held: lambda _: self._reflexes.labels("hold").inc(),
            f.Resumed: lambda _: self._reflexes.labels("resume").inc(),
            f.Backchannel: lambda _: self._backchannels.inc(),
            f.ToolStep: self._tool,
            f.Failed: self._failed,
            f.TranscriptionFailed: lambda _: self._untranscribed.inc(),
            f.Network: self._network,
        }

    def exposed(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)

    def register(self, collector: Collector) -> None:
        self.registry.register(collector)

    # ---- what happens --------------------------------------------------------------------------

    def taken(self, transport: str) -> None:
        self._taken.labels(LEGS[transport == "websocket"]).inc()

    def refused(self, status: int) -> None:
        """A call was not taken, with this HTTP status."""
        reason = _BY_STATUS.get(status, "invalid" if status < 500 else "failed")
        self._refused.labels(reason).inc()

    def went_on(self, cause: Cause) -> None:
        """A live call goes on by another way: "move" to another leg, "restart" of its ICE."""
        self._resumes.labels(cause).inc()

    def ended(self, how: f.How, seconds: float) -> None:
        self._ended.labels(how).inc()
        self._lasted.observe(seconds)

    def recording(self, phase: Recording) -> None:
        """A recording was "begun", or "stopped" before its call."""
        self._recordings.labels(phase).inc()

    def slow(self, facts: int) -> None:
        """A reader missed so many facts, and was let go or told of the gap."""
        self._slow.inc()
        self._missed.inc(facts)

    def lag(self, seconds: float) -> None:
        """How late the loop did what was due."""
        self._lag.observe(seconds)

    def take(self, fact: f.Fact) -> None:
        """Any fact of any session."""
        taker = self._takers.get(type(fact))
        if taker is not None:
            taker(fact)

    def turn(self, turn: Turn) -> None:
        """A reply is over."""
        self._replies.labels(turn.status, turn.modality).inc()
        for direction in ("input", "output"):
            self._tokens.labels(direction).inc(max(0, turn.usage.get(f"{direction}_tokens", 0)))
        for stage, ms in turn.timings.items():
            if stage == "total":
                self._silence.observe(ms / 1000)
            else:
                self._stages.labels(stage).observe(ms / 1000)

    def _tool(self, step: f.ToolStep) -> None:
        self._tools.labels(step.phase).inc()
        if step.ms is not None:
            self._tool_seconds.observe(step.ms / 1000)

    def _failed(self, failure: f.Failed) -> None:
        code = failure.code if failure.code in CODES else "other"
        stage = failure.stage or SOURCES.get(failure.type, "client")
        self._failures.labels(stage, code).inc()

    def _network(self, network: f.Network) -> None:
        if network.rtt_ms is not None:
            self._rtt.observe(network.rtt_ms / 1000)
        if network.loss is not None:
            self._loss.observe(network.loss)

    # ---- the figures ---------------------------------------------------------------------------

    def _calls(self) -> None:
        self._taken = self._counter("calls_taken", "Calls begun.", transport=LEGS)
        self._refused = self._counter("calls_refused", "Calls not taken.", reason=REASONS)
        self._ended = self._counter("calls_ended", "Calls that are over.", how=get_args(f.How))
        self._lasted = self._histogram("call_seconds", "How long calls lasted.", CALL_S)
        self._resumes = self._counter(
            "resumes", "Live calls that went on by another way.", cause=get_args(Cause)
        )
        self._recordings = self._counter(
            "recordings", "Recordings of calls; stopped: before the call's end.",
            phase=get_args(Recording),
        )  # fmt: skip
        self._slow = self._counter(
            "slow_readers", "Times that a client took no events: let go, or told of a gap."
        )
        self._missed = self._counter("reader_facts_missed", "Facts that those clients missed.")
        self._lag = self._histogram(
            "loop_lag_seconds",
            "How late the event loop did what was due, 10 times a second.",
            LAG_S,
        )
        self._rtt = self._histogram("network_rtt_seconds", "Round trips, by RTCP.", RTT_S)
        self._loss = self._histogram(
            "network_loss_ratio", "Of the agent's packets, those that callers report lost.", LOSS
        )

    def _conversation(self) -> None:
        self._decisions = self._counter(
            "decisions", "What turn machines decided.", decision=get_args(f.Decision)
        )
        self._reflexes = self._counter(
            "reflexes", "What the media threads did to voices.", step=("duck", "hold", "resume")
        )
        self._backchannels = self._counter("backchannels", "Murmurs that interrupted nobody.")
        self._replies = self._counter(
            "replies", "Replies that are over.",
            status=get_args(f.ReplyStatus), modality=get_args(f.Modality),
        )  # fmt: skip
        self._tools = self._counter(
            "tool_steps",
            "What became of tools.",
            phase=("planned", "started", "done", "failed", "asked"),
        )
        self._tool_seconds = self._histogram("tool_seconds", "How long tools took.", TOOL_S)
        self._tokens = self._counter(
            "tokens", "Tokens that models read and wrote.", direction=("input", "output")
        )
        self._failures = self._counter(
            "failures", "Errors that clients were told, by where they arose.",
            stage=(*get_args(f.EngineStage), *SOURCES.values()), code=CODES,
        )  # fmt: skip
        self._untranscribed = self._counter(
            "transcriptions_failed", "Turns whose words were never known."
        )

    def _account(self) -> None:
        self._silence = self._histogram(
            "turn_silence_seconds", "The silence that users heard before an answer.", SILENCE_S
        )
        self._stages = self._histogram(
            "turn_stage_seconds", "What of that silence each stage took.", SILENCE_S, stage=STAGES
        )

    def _counter(self, name: str, what: str, **labels: Iterable[str]) -> Counter:
        made = Counter(f"talkover_{name}", what, tuple(labels), registry=self.registry)
        # What has not happened yet is a zero, and not unknown.
        for values in product(*labels.values()) if labels else ():
            made.labels(*values)
        return made

    def _histogram(
        self, name: str, what: str, buckets: tuple[float, ...], **labels: Iterable[str]
    ) -> Histogram:
        made = Histogram(
            f"talkover_{name}", what, tuple(labels), buckets=buckets, registry=self.registry
        )
        for values in product(*labels.values()) if labels else ():
            made.labels(*values)
        return made
