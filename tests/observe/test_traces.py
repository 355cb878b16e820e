"""Turns as spans, read back from the SDK's own exporter in memory."""

from __future__ import annotations

from itertools import pairwise

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from wire.line import Line

from talkover import Agent
from talkover.media.port import MediaPort
from talkover.observe.observatory import tracing
from talkover.observe.traces import Traces
from talkover.observe.turns import Bar, ToolRun, Turn, Turns, waterfall
from talkover.session.session import Session
from talkover.testing import Call

TIMINGS = {
    "capture": 10.0, "uplink": 20.0, "wait": 100.0, "stt": 0.0, "llm": 50.0, "play": 30.0,
    "downlink": 20.0, "buffer": 40.0, "total": 270.0,
}  # fmt: skip
USAGE = {"input_tokens": 70, "output_tokens": 20}


class Recorded:
    """Traces whose spans are kept."""

    def __init__(self) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.traces = Traces(provider)

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._kept.get_finished_spans()}


def test_the_stages_lie_around_the_moment_at_which_the_answer_left():
    turn = Turn("r", 1000, "audio", audible=2000, ended=4000, timings=TIMINGS)
    bars = waterfall(turn)
    assert bars[0] == Bar("capture", 1790, 1800) and bars[-1] == Bar("buffer", 2020, 2060)
    assert next(bar for bar in bars if bar.name == "play").ended == 2000
    assert all(one.ended == two.began for one, two in pairwise(bars))


def test_a_turn_that_nobody_heard_has_no_stages():
    assert waterfall(Turn("r", 0, "text", ended=10)) == []


async def test_a_turn_is_one_trace_with_its_stages_and_tools(media: MediaPort):
    session: Session = Line(media).session
    recorded = Recorded()
    tools = [ToolRun("call_1", "weather", 1850, 1900, failed=False)]
    turn = Turn(
        "resp_1", 1830, "audio", audible=2000, ended=4000, timings=TIMINGS, tools=tools,
        usage=USAGE,
    )  # fmt: skip
    recorded.traces(session, turn)
    spans = recorded.spans
    root = spans["turn"]
    assert root.parent is None and root.attributes is not None
    assert {span.context.trace_id for span in spans.values()} == {root.context.trace_id}
    assert all(
        span.parent is not None and span.parent.span_id == root.context.span_id
        for span in spans.values()
        if span is not root
    )
    assert set(spans) == {"turn", "execute_tool weather", *TIMINGS} - {"total"}
    assert root.attributes["gen_ai.conversation.id"] == session.id
    assert root.attributes["gen_ai.usage.output_tokens"] == 20
    assert root.attributes["talkover.silence_ms"] == 270
    at = round(session.began * 1e9)
    assert lasted(root, at) == (1790, 4000)
    assert lasted(spans["llm"], at) == (1920, 1970)
    assert lasted(spans["execute_tool weather"], at) == (1850, 1900)


async def test_each_turn_is_a_trace_of_its_own(media: MediaPort):
    session, ids = Line(media).session, set[int]()
    for n in range(2):
        recorded = Recorded()
        recorded.traces(session, Turn(f"r{n}", 0, "text", ended=10))
        ids.add(recorded.spans["turn"].context.trace_id)
    assert len(ids) == 2


async def test_a_failed_turn_is_an_error_by_its_code(media: MediaPort):
    recorded = Recorded()
    turn = Turn("r", 0, "audio", ended=10, status="failed", error="engine_unreachable")
    recorded.traces(Line(media).session, turn)
    root = recorded.spans["turn"]
    assert root.status.status_code is StatusCode.ERROR and root.attributes is not None
    assert root.attributes["error.type"] == "engine_unreachable"


async def test_a_real_turn_with_a_tool_is_traced_and_says_nothing_of_what_was_said(
    media: MediaPort,
):
    agent = Agent("x")

    @agent.tool
    async def secret(word: str) -> str:
        """Tell a secret."""
        return f"{word} swordfish"

    answers = {"hush hush": [Call("secret", {"word": "hush"}), "Done, hush."], "": "Hush."}
    line = Line(media, agent=agent, answers=answers)
    turns, recorded, session = Turns(), Recorded(), line.session
    over: list[Turn] = []
    session.stream.attach(lambda entry: over.extend(filter(None, [turns.take(entry[2], entry[1])])))
    line.type("hush hush")
    line.send("response.create")
    await line.wait("response.done")
    for turn in over:
        recorded.traces(session, turn)
    spans = recorded.spans
    assert {"turn", "execute_tool secret", "llm", "tts", "play"} <= set(spans)
    shown = "".join(span.to_json() for span in spans.values())
    assert "hush" not in shown and "swordfish" not in shown
    root, tool = spans["turn"], spans["execute_tool secret"]
    assert root.start_time is not None and tool.start_time is not None
    assert tool.end_time is not None and root.end_time is not None
    assert root.start_time <= tool.start_time + 1_000_000 and tool.end_time <= root.end_time


@pytest.mark.parametrize("environment", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}])
def test_nothing_is_traced_unless_a_collector_is_named(environment: dict[str, str]):
    assert tracing(environment) is None


def lasted(span: ReadableSpan, zero: int) -> tuple[float, float]:
    """Milliseconds from `zero` on."""
    assert span.start_time is not None and span.end_time is not None
    return round((span.start_time - zero) / 1e6), round((span.end_time - zero) / 1e6)
