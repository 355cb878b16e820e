"""What a report says: its order, its sums, its pages; and what the agent's sound tells."""

from __future__ import annotations

import json
import math
from array import array
from html.parser import HTMLParser

from talkover.audit.finding import Draft, Report, Rule, estimated, measured
from talkover.audit.outside.seen import SpokenSeen
from talkover.audit.outside.spoken_rules import Fall, fall, spoken_draft
from talkover.audit.page.data import data
from talkover.audit.page.html import html
from talkover.audit.page.markdown import markdown
from talkover.cli.barge_in import level

BREAKS = Rule("breaks", "It breaks", "Nothing works.", "Mend it.", severity="severe")
SLOW = Rule("slow", "It is slow", "All wait.", "Hurry.", ms=100, basis="by guess")
SMALL = Rule("small", "It is untidy", "Nothing much.", "Tidy up.")


def report_of(*findings: object) -> Report:
    draft = Draft("x", "http")
    for one in findings:
        draft.findings.append(one)  # pyright: ignore[reportArgumentType]  findings, as made below
    return draft.report()


def test_what_breaks_comes_first_and_then_the_milliseconds():
    report = report_of(
        measured(SMALL, "a", "untidy"), estimated(SLOW, "a", "slow"),
        measured(SLOW, "b", "slower", 450.4), measured(BREAKS, "a", "broken"),
    )  # fmt: skip
    assert [one.rule.id for one in report.findings] == ["breaks", "slow", "small"]
    slow = report.findings[1]
    assert (slow.ms, slow.source, slow.severity) == (450, "measured", "severe")
    assert [each.where for each in slow.evidence] == ["a", "b"]
    assert report.cost_ms == (450, 0) and report.severe
    assert "2 things" in report.verdict


def test_an_estimate_is_marked_as_one_everywhere():
    report = report_of(estimated(SLOW, "a.py:1", "wait()"))
    assert not report.severe and report.cost_ms == (0, 100)
    for page in (markdown([report]), html([report])):
        assert "≈ 100 ms" in page and "estimate: by guess" in page
    assert json.loads(data([report]))["reports"][0]["findings"][0]["source"] == "estimate"


HOSTILE = "</code>`|<script>alert(1)</script>\n# Well\x1b[31m"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


def test_what_a_target_says_is_no_markup_of_the_report():
    draft = Draft(HOSTILE, "http", [measured(BREAKS, HOSTILE, HOSTILE)])
    draft.facts, draft.stays, draft.notes = [(HOSTILE, HOSTILE)], [HOSTILE], [HOSTILE]
    report = draft.report()
    tags = _Tags()
    tags.feed(html([report]))
    assert "script" not in tags.seen
    written = markdown([report])
    assert "\x1b" not in written and "\n# Well" not in written
    assert all("<script>" not in line or "`" in line for line in written.splitlines())


def test_a_page_needs_nothing_but_itself():
    page = html([report_of(measured(BREAKS, "a", "broken"))])
    assert "http://" not in page and "https://" not in page and "src=" not in page
    assert "prefers-color-scheme: dark" in page and "@media print" in page


def voice(*spans: tuple[float, float, float]) -> tuple[tuple[float, float], ...]:
    """20 ms frames: (from, to, dB)."""
    return tuple(
        (begin + 0.02 * n, loud)
        for begin, end, loud in spans
        for n in range(round((end - begin) / 0.02))
    )


def test_a_voice_that_ducks_and_then_stops_is_timed():
    levels = voice((0, 2.1, -20), (2.1, 2.4, -38), (2.4, 4, -96))
    found = fall(levels, 2.0)
    assert found is not None and found.lower_ms is not None and found.silent_ms is not None
    assert math.isclose(found.lower_ms, 100, abs_tol=25)
    assert math.isclose(found.silent_ms, 400, abs_tol=25)
    assert spoken_draft("x", SpokenSeen(50, 0, levels, 2.0, 3.0)).findings == []


def test_a_pause_between_words_is_no_silence():
    levels = voice((0, 2.1, -20), (2.1, 2.2, -96), (2.2, 5, -20))
    assert fall(levels, 2.0) == Fall(None, None)
    (deaf,) = spoken_draft("x", SpokenSeen(50, 0, levels, 2.0, 3.0)).findings
    assert deaf.rule.id == "deaf-while-speaking" and deaf.severity == "severe"


def test_falling_silent_late_costs_what_it_took():
    levels = voice((0, 2.9, -20), (2.9, 5, -96))
    (late,) = spoken_draft("x", SpokenSeen(50, 0, levels, 2.0, 3.0)).findings
    assert late.rule.id == "barge-in-slow" and late.ms is not None
    assert math.isclose(late.ms, 700, abs_tol=30)


def test_an_agent_that_was_silent_already_was_not_interrupted():
    assert fall(voice((0, 1.0, -20), (1.0, 4, -96)), 2.5) is None
    draft = spoken_draft("x", SpokenSeen(50, 0, voice((0, 4, -96)), 2.0, 3.0))
    assert not draft.findings and "was not speaking" in draft.notes[0]


def test_a_call_that_connects_late_is_found():
    (slow,) = spoken_draft("x", SpokenSeen(1500, failure="nobody spoke.")).findings
    assert (slow.rule.id, slow.ms) == ("connect-slow", 1500)


def test_a_level_is_in_decibels_of_full_scale():
    assert level(bytes(640)) == -96
    loud = array("h", [32767, -32767] * 100).tobytes()
    assert math.isclose(level(loud), 0, abs_tol=0.01)
