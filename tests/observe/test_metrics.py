"""What Prometheus is told: names and labels that hold, and counts of what sessions said."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from house.tree import ROOT
from prometheus_client.parser import text_string_to_metric_families

from talkover.cluster.base import Backlog
from talkover.observe import reference
from talkover.observe.gauges import Gauges, Moment
from talkover.observe.metrics import Metrics
from talkover.observe.turns import Turn
from talkover.protocol import facts as f
from talkover.protocol.walk import samples

_NAME = re.compile(r"\b(?:talkover|process)_\w+")
_SELECTED = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
_GROUPED = re.compile(r"(?:by|ignoring|on)\s*\(([^)]*)\)")
_HISTOGRAM = ("_bucket", "_sum", "_count")
_ADDED = {"instance", "job", "le"}
"""Labels that Prometheus adds, and that of a histogram's buckets."""


def value(metrics: Metrics, name: str, **labels: str) -> float:
    for family in text_string_to_metric_families(metrics.exposed().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    raise AssertionError(f"there is no {name} {labels}")


def known() -> dict[str, set[str]]:
    """Every name that can be asked for, and its labels."""
    found: dict[str, set[str]] = {}
    for family in reference.families():
        labels = set(reference.labels(family))
        ends = _HISTOGRAM if family.type == "histogram" else ("",)
        found |= {reference.name(family) + end: labels for end in ends}
    return found


def queries() -> list[tuple[str, str]]:
    board = json.loads((ROOT / "deploy/grafana/talkover.json").read_text())
    return [
        (panel["title"], target["expr"])
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]


def alarms() -> list[tuple[str, str]]:
    page = (ROOT / "docs/observability.md").read_text()
    return [("an alarm", query) for query in re.findall(r"^- `(.+)`$", page, re.MULTILINE)]


def test_the_page_of_metrics_is_what_the_registry_has():
    page = (ROOT / "docs/metrics.md").read_text()
    assert page == reference.document(), (
        "run: python -m talkover.observe.reference > docs/metrics.md"
    )


@pytest.mark.parametrize(("panel", "query"), [*queries(), *alarms()])
def test_the_dashboard_and_the_alarms_ask_for_what_there_is(panel: str, query: str):
    names = _NAME.findall(query)
    assert names, panel
    labels: set[str] = set()
    for name in names:
        assert name in known(), f"{panel}: there is no {name}"
        labels |= known()[name]
    asked = set(_SELECTED.findall(query))
    for group in _GROUPED.findall(query):
        asked |= {label.strip() for label in group.split(",")}
    assert asked <= labels | _ADDED, f"{panel}: {sorted(asked - labels)}"


def test_every_legend_names_a_label_of_its_query():
    board = json.loads((ROOT / "deploy/grafana/talkover.json").read_text())
    targets = [t for panel in board["panels"] for t in panel.get("targets", ())]
    for target in targets:
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert label in target["expr"] or label == "instance", target


def test_every_one_of_our_own_figures_is_on_the_dashboard():
    shown = {name for _, query in queries() for name in _NAME.findall(query)}
    for family in reference.families():
        if family.name.startswith("talkover_"):
            names = {reference.name(family) + end for end in ("", *_HISTOGRAM)}
            # These two are for alerts and tables.
            quiet = {"talkover_info", "talkover_ready", "talkover_media_peers"}
            assert names & (shown | quiet), family.name


def test_two_servers_in_one_process_count_for_themselves():
    one, other = Metrics(), Metrics()
    one.taken("udp")
    assert value(one, "talkover_calls_taken_total", transport="webrtc") == 1
    assert value(other, "talkover_calls_taken_total", transport="webrtc") == 0


@pytest.mark.parametrize(
    ("fact", "name", "labels"),
    [
        (f.Decided("interrupt", "x"), "decisions_total", {"decision": "interrupt"}),
        (f.Held("r"), "reflexes_total", {"step": "hold"}),
        (f.Backchannel("mm-hm"), "backchannels_total", {}),
        (f.ToolStep("c", "t", "{}", "failed", "x", 30), "tool_steps_total", {"phase": "failed"}),
        (f.ToolStep("c", "t", "{}", "done", "x", 30), "tool_seconds_count", {}),
        (f.TranscriptionFailed("i", "x"), "transcriptions_failed_total", {}),
        (f.Network("udp", 12.0, 0.5), "network_rtt_seconds_count", {}),
        (f.Network("udp", 12.0, 0.5), "network_loss_ratio_sum", {}),
        (f.Failed("server_error", "engine_unreachable", "x", stage="tts"), "failures_total",
         {"stage": "tts", "code": "engine_unreachable"}),
        (f.Failed("invalid_request_error", "item_17_is_odd", "x"), "failures_total",
         {"stage": "client", "code": "other"}),
        (f.Failed("something_new", None, "x"), "failures_total",
         {"stage": "client", "code": "other"}),
    ],
)  # fmt: skip
def test_facts_are_counted(fact: f.Fact, name: str, labels: dict[str, str]):
    metrics = Metrics()
    before = value(metrics, f"talkover_{name}", **labels)
    metrics.take(fact)
    assert value(metrics, f"talkover_{name}", **labels) > before


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "unauthorized"), (403, "forbidden"), (429, "limit"), (503, "full"), (413, "invalid"),
     (500, "failed")],
)  # fmt: skip
def test_refusals_are_counted_by_their_reason(status: int, reason: str):
    metrics = Metrics()
    metrics.refused(status)
    assert value(metrics, "talkover_calls_refused_total", reason=reason) == 1


def test_a_turn_is_counted_with_its_account_and_its_tokens():
    metrics = Metrics()
    usage = {"input_tokens": 70, "output_tokens": 20}
    metrics.turn(Turn("r", 0, "audio", timings={"wait": 96.0, "total": 180.0}, usage=usage))
    assert value(metrics, "talkover_turn_stage_seconds_sum", stage="wait") == pytest.approx(0.096)
    assert value(metrics, "talkover_turn_silence_seconds_sum") == pytest.approx(0.18)
    assert value(metrics, "talkover_tokens_total", direction="input") == 70
    labels = {"status": "completed", "modality": "audio"}
    assert value(metrics, "talkover_replies_total", **labels) == 1


def test_no_fact_of_any_kind_makes_a_new_label():
    before = series(metrics := Metrics())
    for kind in f.Fact.__args__:
        for fact in samples(kind):
            metrics.take(fact)
    assert series(metrics) == before


def series(metrics: Metrics) -> set[str]:
    metrics_text = metrics.exposed().decode()
    return {line.rpartition(" ")[0] for line in metrics_text.splitlines() if line[0] != "#"}


def test_what_waits_in_queues_is_told_with_what_was_lost_there():
    metrics = Metrics()
    moment = Moment(
        inbox=40, backlog=Backlog(7, 900), webhooks=2, untold=3, media={"inbox_dropped": 5}
    )
    metrics.register(Gauges(lambda: moment))
    for name, expected in (
        ("inbox_items", 40), ("inbox_dropped_total", 5), ("log_waiting_writes", 7),
        ("spool_bytes", 900), ("webhooks_waiting", 2), ("subjects_dropped_total", 3),
    ):  # fmt: skip
        assert value(metrics, f"talkover_{name}") == expected
    metrics.slow(2000)
    assert value(metrics, "talkover_slow_readers_total") == 1
    assert value(metrics, "talkover_reader_facts_missed_total") == 2000


def test_the_moment_is_read_when_it_is_asked_for():
    moments: list[Any] = [Moment(), Moment(ready=True, calls={"udp": 3}, limit=90, room=87)]
    metrics = Metrics()
    metrics.register(Gauges(lambda: moments[-1]))
    assert value(metrics, "talkover_calls", transport="udp") == 3
    assert value(metrics, "talkover_room_calls") == 87
    moments.append(Moment())
    assert value(metrics, "talkover_calls", transport="udp") == 0
