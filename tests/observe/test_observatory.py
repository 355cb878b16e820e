"""What is counted and logged of one session, from its facts."""

from __future__ import annotations

import pytest
from observe.test_metrics import value
from structlog.testing import capture_logs
from wire.line import Line

from talkover.media.port import MediaPort
from talkover.observe.figures import Figures
from talkover.observe.metrics import Metrics
from talkover.observe.observatory import Reader
from talkover.observe.turns import Turn
from talkover.protocol import facts as f
from talkover.session.session import Session


def read(session: Session, *facts: f.Fact, recorded: bool = False) -> Metrics:
    metrics = Metrics()
    session.recording = recorded
    reader = Reader(session, metrics, Figures(), None)
    for n, fact in enumerate(facts):
        reader.take((n, 1000 * n, fact))
    return metrics


def moved(metrics: Metrics) -> float:
    return value(metrics, "talkover_resumes_total", cause="move")


def recordings(metrics: Metrics) -> tuple[float, float]:
    begun, stopped = (
        value(metrics, "talkover_recordings_total", phase=phase) for phase in ("begun", "stopped")
    )
    return begun, stopped


async def test_a_call_that_is_given_another_leg_went_on(media: MediaPort) -> None:
    session = Line(media).session
    connected, report = f.Network("udp"), f.Network("udp", 20.0, 0.0)
    assert moved(read(session, connected, report, report)) == 0
    assert moved(read(session, connected, report, f.Network("websocket"))) == 1


async def test_a_recording_that_stops_before_its_call_is_counted(media: MediaPort) -> None:
    session = Line(media).session
    on, off = f.SessionUpdated({"recording": True}), f.SessionUpdated({})
    assert recordings(read(session, on, recorded=True)) == (1, 0)
    assert recordings(read(session, on, off, off, recorded=True)) == (1, 1)
    assert recordings(read(session, off)) == (0, 0)


async def test_the_end_of_a_call_is_counted_by_who_ended_it(media: MediaPort) -> None:
    metrics = read(Line(media).session, f.InputCleared(), f.Ended("closed by the caller", "left"))
    assert value(metrics, "talkover_calls_ended_total", how="left") == 1
    assert value(metrics, "talkover_call_seconds_sum") == 1


async def test_a_turn_is_one_line_in_the_log_and_says_how_long_not_what(media: MediaPort) -> None:
    traced: list[Turn] = []
    line = Line(media, answers={"": "The secret is swordfish."})
    reader = Reader(line.session, Metrics(), Figures(), lambda _, turn: traced.append(turn))
    line.session.stream.attach(reader.take)
    with capture_logs() as logged:
        line.type("tell me the secret")
        line.send("response.create")
        await line.wait("response.done")
    (turn,) = (entry for entry in logged if entry["event"] == "turn")
    assert turn["status"] == "completed" and turn["session"] == line.session.id
    stages = [ms for name, ms in turn.items() if name.endswith("_ms") and name != "total_ms"]
    assert turn["total_ms"] == pytest.approx(sum(stages), abs=len(stages) / 2 + 0.5)
    assert "swordfish" not in str(logged) and "secret" not in str(logged)
    assert [one.reply for one in traced] == [turn["reply"]]
