"""How long scripted engines take, as measurements of named ones say."""

from __future__ import annotations

import pytest

from talkover.transports.latencies import LATENCIES, Delay


def test_draws_have_the_median_and_the_tail_that_were_published() -> None:
    delay = Delay(0.6, 1.1, "a test")
    drawn = sorted(delay.drawn(f"1/llm/{n}") for n in range(4000))
    assert drawn[2000] == pytest.approx(0.6, rel=0.05)
    assert drawn[3800] == pytest.approx(1.1, rel=0.05)


def test_every_transport_waits_as_long_in_the_same_place() -> None:
    model = LATENCIES["gpt-4o-mini"].model
    assert model.drawn("1/llm/3") == model.drawn("1/llm/3") != model.drawn("1/llm/4")


def test_zero_takes_no_time_and_every_other_figure_names_its_source() -> None:
    zero, *named = LATENCIES.values()
    assert zero.model.drawn("1/llm/1") == zero.ear.drawn("1/stt/1") == 0.0
    for one in named:
        for delay in (one.ear, one.model, one.word, one.voice, one.second):
            said = delay.source
            assert 0 < delay.p50 <= delay.p95
            assert "https://" in said or "the same" in said or "assumed" in said
