"""The figures as rows, as a table and as a page."""

from __future__ import annotations

import re
from dataclasses import asdict
from html.parser import HTMLParser
from typing import Any

from talkover.transports import page, summary
from talkover.transports.conversation import TRANSPORTS
from talkover.transports.latencies import LATENCIES
from talkover.transports.table import lines

TURN: dict[str, Any] = {
    "answer_ms": 600.0, "mouth_to_ear_ms": [80.0, 100.0, 90.0], "missing": 0.02, "silent_ms": None,
    "wasted_ms": None, "unheard_ms": None, "history_words": None, "recovery_ms": None,
    "long": False, "failed": None,
}  # fmt: skip
CUT = TURN | {"answer_ms": 700.0, "missing": None}
AFTER = TURN | {
    "answer_ms": 500.0, "silent_ms": 240.0, "wasted_ms": 900.0, "unheard_ms": 3000.0,
    "history_words": -3,
}  # fmt: skip
LONG = TURN | {"answer_ms": 900.0, "mouth_to_ear_ms": [5000.0], "long": True}


def run(transport: str, network: str = "4g", **more: Any) -> dict[str, Any]:
    return {
        "transport": transport, "network": network, "latency": "zero", "late_ms": 1.0,
        "connect_ms": 300.0, "bytes_per_turn": 81_737, "connections": 1, "memory_mb": 60.9,
        "handshakes_per_turn": 0.33, "cpu_ms_per_minute": 345, "turns": [TURN, CUT, AFTER, LONG],
    } | more  # fmt: skip


def found(*runs: dict[str, Any]) -> dict[str, Any]:
    machine = {"system": "Linux", "cores": 2, "python": "3", "load_before": 0.5, "load_after": 0.7}
    plan = {"seed": 1, "questions": 1, "interruptions": 1, "longs": 1, "jobs": 1}
    engines = {name: asdict(one) for name, one in LATENCIES.items()}
    return {
        "engines": engines, "talkover": "0", "began": "then", "plan": plan, "machine": machine,
        "runs": list(runs), "summary": summary.rows(runs),
    }  # fmt: skip


def test_a_row_has_medians_and_means_of_the_turns_that_have_a_figure() -> None:
    (row,) = summary.rows([run("rest")])
    assert (row["answer_ms"], row["answer_p95_ms"], row["long_ms"]) == (600.0, 700.0, 900.0)
    assert (row["mouth_ms"], row["mouth_p95_ms"]) == (90.0, 100.0)
    assert (row["missing"], row["silent_ms"], row["history_words"]) == (2.0, 240.0, 3.0)
    assert (row["recovery_ms"], row["unanswered"], row["kilobytes"]) == (None, 0, 82)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert summary.percentile([3.0, 1.0, 2.0, 4.0], 50) == 2.0
    assert summary.percentile([3.0, 1.0, 2.0, 4.0], 95) == 4.0
    assert summary.percentile([], 50) is None


def test_the_table_has_a_line_for_each_conversation_and_says_which_failed() -> None:
    lost = {"transport": "webrtc-udp", "network": "4g", "latency": "zero", "failed": "No call."}
    text = list(lines(summary.rows([run("rest"), lost, run("rest", "train")])))
    assert "4g, engines: zero" in text and "train, engines: zero" in text
    assert any("webrtc-udp" in line and "failed: No call." in line for line in text)
    assert any(re.match(r"rest +600 +700 +900 +90 +100 ", line) for line in text)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.figures = self.bars = 0
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.figures += tag == "figure"
        self.bars += tag == "rect"
        self.outside += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_has_a_plot_with_its_method_for_each_figure_and_needs_nothing_else() -> None:
    text = page.page(found(*(run(name) for name in TRANSPORTS)))
    tags = Tags()
    tags.feed(text)
    measured = [column for column in summary.COLUMNS if column.key != "recovery_ms"]
    assert tags.figures == len(measured)
    assert tags.bars == len(measured) * len(TRANSPORTS)
    assert not tags.outside and "url(" not in text
    assert all(column.how.split(":")[0].split("'")[0] in text for column in measured)


def test_what_failed_is_shown_and_not_left_out() -> None:
    lost = {"transport": "webrtc-udp", "network": "4g", "latency": "zero", "failed": "<No call>"}
    lost |= {"late_ms": 3.0}
    text = page.page(found(run("rest"), lost))
    assert "no conversation" in text and "&lt;No call&gt;" in text and "<No call>" not in text
