"""Where a new call begins, and who is still there."""

from __future__ import annotations

from talkover.cluster.nodes import BETTER, GONE_S, Load, Nodes

HALF, EMPTY, FULL = Load(50, 100, True), Load(0, 100, True), Load(100, 100, True)


def heard(**loads: Load) -> Nodes:
    nodes = Nodes("own")
    for node, load in loads.items():
        nodes.hear(node, load, 0.0)
    return nodes


def test_a_call_goes_where_clearly_more_room_is() -> None:
    assert heard(a=EMPTY, b=HALF).place(HALF, 0.1) == "a"
    assert heard(a=HALF, b=FULL).place(HALF, 0.1) is None
    assert heard(a=Load(45, 100, True)).place(HALF, 0.1) is None, "it is not worth the way"
    assert heard(a=FULL).place(FULL, 0.1) is None, "then this server says that it is full"
    assert heard(a=Load(99, 100, True)).place(FULL, 0.1) == "a"


def test_one_that_takes_none_or_is_silent_gets_none() -> None:
    assert heard(a=Load(0, 100, False)).place(FULL, 0.1) is None
    nodes = heard(a=EMPTY)
    assert nodes.lives("a", GONE_S - 0.1) and not nodes.lives("a", GONE_S)
    assert nodes.place(FULL, GONE_S) is None
    assert nodes.others(GONE_S) == {}
    nodes.hear("a", EMPTY, 10.0)
    assert nodes.place(FULL, 10.1) == "a"
    assert nodes.lives("own", 99.0) and not nodes.lives("never heard of", 0.0)


def test_one_of_which_anything_came_lives_with_what_it_last_told() -> None:
    nodes = heard(a=EMPTY)
    nodes.see("a", 10.0)
    assert nodes.others(10.0) == {"a": EMPTY}
    nodes.see("b", 10.0)
    assert nodes.lives("b", 10.0) and nodes.place(FULL, 10.0) == "a"


def test_a_burst_is_spread_before_anybody_tells_of_it() -> None:
    nodes = heard(a=Load(0, 20, True), b=Load(0, 20, True))
    placed = [nodes.place(Load(0, 20, True), 0.1) for _ in range(3)]
    assert placed == [None, None, None], "all are empty: they begin here"
    own = Load(10, 20, True)
    went = [nodes.place(own, 0.1) for _ in range(20)]
    assert went.count("a") == went.count("b") > 5
    assert went[-1] is None, "until the others are no better"
    assert BETTER == 0.1


def test_who_is_cut_off_itself_thinks_nobody_silent() -> None:
    nodes = Nodes("own")
    nodes.hear("a", EMPTY, 0.0)
    assert nodes.silent_s("a", 99.0) == 0, "it has never heard itself"
    for now in (0.0, 2.0, 4.0):
        nodes.hear("own", EMPTY, now)
    assert nodes.silent_s("a", 5.0) == 5.0
    assert nodes.silent_s("never heard of", 5.0) == 5.0 and nodes.silent_s("own", 5.0) == 0
    assert nodes.silent_s("a", 4.0 + GONE_S) == 0, "it is cut off"
    nodes.hear("own", EMPTY, 60.0)
    assert nodes.silent_s("a", 61.0) == 1.0, "it listens again since then"
    nodes.hear("a", EMPTY, 61.5)
    assert nodes.silent_s("a", 61.5) == 0
