"""The plot and the tables that the documentation shows, made of a benchmark's figures."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

from transports.test_report import found, run

from talkover.transports.conversation import TRANSPORTS
from talkover.transports.headline import blocks, main_engines, plot, rewritten

LOST = {
    "transport": "webrtc-udp",
    "network": "4g",
    "latency": "zero",
    "failed": "<No call>",
    "late_ms": 2.0,
}
PAGE = "before\n<!-- transports:{} -->\nold\n<!-- /transports -->\nafter\n"


def everything() -> dict[str, Any]:
    runs = (run(name, network) for network in ("4g", "lossy") for name in TRANSPORTS)
    return found(*runs)


def test_the_plot_is_an_image_of_its_own_with_a_bar_for_each_figure() -> None:
    drawn = ET.fromstring(plot(everything(), "zero"))
    bars = [one for one in drawn.iter() if one.tag.endswith("rect")]
    # A legend, and three panels of two networks.
    assert len(bars) == len(TRANSPORTS) * (1 + 3 * 2)
    assert "prefers-color-scheme: dark" in plot(everything(), "zero")


def test_a_conversation_that_failed_is_left_blank_in_plot_and_tables() -> None:
    figures = found(run("rest"), LOST)
    assert "<No call>" not in plot(figures, "zero")
    assert re.search(r"\| WebRTC over UDP \|( - \|)+", blocks(figures)["headline"])


def test_a_page_is_filled_where_it_is_marked_and_stays_so() -> None:
    made = blocks(everything())
    page = PAGE.format("headline")
    filled = rewritten(page, made)
    assert made["headline"] in filled and "old" not in filled
    assert filled.startswith("before\n") and filled.endswith("after\n")
    assert rewritten(filled, made) == filled
    assert rewritten(PAGE.format("unknown"), made) == PAGE.format("unknown")


def test_an_expectation_that_holds_is_told_from_one_that_does_not() -> None:
    slow = run("rest", turns=[t | {"answer_ms": 9 * t["answer_ms"]} for t in run("rest")["turns"]])
    ratios = blocks(
        found(slow, run("webrtc-udp"), run("rest", "lossy"), run("webrtc-udp", "lossy"))
    )
    first, second = ratios["ratios"].splitlines()[2:]
    assert "**9.0 times**" in first and "| **2 %** |" in first
    assert "| 1.0 times |" in second


def test_the_headline_is_about_engines_that_take_their_time() -> None:
    assert main_engines(found(run("rest"), run("rest", latency="gpt-4o-mini"))) == "gpt-4o-mini"
