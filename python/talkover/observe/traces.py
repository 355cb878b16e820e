"""Turns as OpenTelemetry traces: one trace for each, spans for its stages and its tools.

Needs `talkover[otel]`. Spans say when and how long, never what anybody said; attributes are those
of OpenTelemetry's conventions for generative AI where they have one.
"""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context
from opentelemetry.util.types import AttributeValue

from .. import __version__
from ..session.session import Session
from .turns import Turn, waterfall

Attributes = dict[str, AttributeValue]


def to_collector() -> Traces:
    """Sends to where the standard's variables (OTEL_…) say, from a thread of the SDK's own, which
    drops what a collector is too slow for; what is left goes out as the process ends."""
    given = Resource.create()
    named = "unknown_service" not in str(given.attributes.get(SERVICE_NAME, ""))
    resource = given if named else given.merge(Resource({SERVICE_NAME: "talkover"}))
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Traces(provider)


class Traces:
    """Call it with each turn that is over, and its session."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("talkover", __version__)

    def __call__(self, session: Session, turn: Turn) -> None:
        bars = waterfall(turn)
        began = bars[0].began if bars else turn.began
        root = self._begin(session, "turn", began, Context(), _of_turn(session, turn))
        inside = set_span_in_context(root, Context())
        for bar in bars:
            stage: Attributes = {"talkover.stage": bar.name}
            self._end(session, self._begin(session, bar.name, bar.began, inside, stage), bar.ended)
        for tool in turn.tools:
            about: Attributes = {
                "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool.name,
                "gen_ai.tool.call.id": tool.call_id, "gen_ai.tool.type": "function",
            }  # fmt: skip
            span = self._begin(session, f"execute_tool {tool.name}", tool.began, inside, about)
            if tool.failed:
                span.set_status(Status(StatusCode.ERROR))
            self._end(session, span, tool.ended)
        if turn.status == "failed":
            root.set_attribute("error.type", turn.error or "_OTHER")
            root.set_status(Status(StatusCode.ERROR))
        self._end(session, root, turn.ended)

    def _begin(
        self, session: Session, name: str, ms: float, context: Context, about: Attributes
    ) -> Span:
        return self._tracer.start_span(
            name, context=context, attributes=about, start_time=_unix_ns(session, ms)
        )

    def _end(self, session: Session, span: Span, ms: float) -> None:
        span.end(_unix_ns(session, ms))


def _of_turn(session: Session, turn: Turn) -> Attributes:
    about: Attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.conversation.id": session.id,
        "gen_ai.response.id": turn.reply,
        "talkover.status": turn.status,
        "talkover.modality": turn.modality,
        "talkover.transport": session.transport,
    }
    for name in ("input_tokens", "output_tokens"):
        if name in turn.usage:
            about[f"gen_ai.usage.{name}"] = turn.usage[name]
    if "total" in turn.timings:
        about["talkover.silence_ms"] = turn.timings["total"]
    return about


def _unix_ns(session: Session, ms: float) -> int:
    """A time of the session's clock, which began with it."""
    return round((session.began + ms / 1000) * 1e9)
