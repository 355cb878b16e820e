"""Several conversations at once: where each may run, and what becomes of one that breaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from talkover.errors import InputError
from talkover.transports.cell import Cell
from talkover.transports.cells import CellFailed, all_of, shares
from talkover.transports.run import Plan

CELL = Cell("rest", "4g", "zero", "/nowhere", 1, 0, 0, 1)


def test_cells_at_once_have_cores_that_no_other_has() -> None:
    places = shares(3, range(8))
    assert [len(cores) for cores in places] == [2, 2, 2]
    assert len({core for cores in places for core in cores}) == 6


def test_a_single_cell_has_the_whole_machine_and_more_than_half_its_cores_are_refused() -> None:
    assert list(shares(1, range(1))) == [()]
    for jobs in (0, 5):
        with pytest.raises(InputError, match="use 1 to 4"):
            shares(jobs, range(8))


def test_a_cell_is_told_to_its_process_as_it_is() -> None:
    there = replace(CELL, cores=[2, 3])
    assert Cell.read(there.shown()) == there


def test_a_plan_has_a_cell_for_each_transport_network_and_engines() -> None:
    networks = ("4g", "lossy", "4g")
    plan = Plan(transports=("rest", "webrtc-udp"), networks=networks, latencies=("zero",))
    assert [(one.network, one.transport) for one in plan.cells("/nowhere")] == [
        ("4g", "rest"), ("4g", "webrtc-udp"), ("lossy", "rest"), ("lossy", "webrtc-udp"),
    ]  # fmt: skip


async def test_a_cell_that_breaks_off_says_why(tmp_path: Path) -> None:
    begun: list[Cell] = []
    with pytest.raises(CellFailed, match=r"rest over 4g broke off(.|\n)*question\.pcm"):
        await all_of([replace(CELL, folder=str(tmp_path))], [()], begun.append)
    assert begun
