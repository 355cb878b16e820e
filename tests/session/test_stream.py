"""Facts reach every reader, and one that is too slow is let go."""

from __future__ import annotations

from talkover.protocol import facts as f
from talkover.session.stream import MOST_WAITING, FactStream

FACT = f.InputCleared()


async def test_what_waits_for_the_slowest_reader_can_be_seen() -> None:
    stream = FactStream()
    slow, quick = stream.subscribe(), stream.subscribe()
    for at in range(3):
        stream.emit(FACT, at)
    assert len(await quick.batch()) == 3
    assert stream.waiting == 3
    slow.close()
    assert stream.waiting == 0
    quick.close()


async def test_a_reader_that_takes_nothing_is_let_go_and_told_of_once() -> None:
    stream, let_go = FactStream(), list[int]()
    stream.on_slow = let_go.append
    slow, quick = stream.subscribe(), stream.subscribe()
    for at in range(MOST_WAITING + 10):
        stream.emit(FACT, at)
        await quick.batch()
    assert slow.overflowed and not quick.overflowed
    assert let_go == [MOST_WAITING], "these it misses"
    assert stream.waiting == 0


async def test_a_reader_that_may_miss_some_is_told_which_and_goes_on() -> None:
    stream = FactStream()
    slow = stream.subscribe(gaps=True)
    for at in range(2 * MOST_WAITING + 10):
        stream.emit(FACT, at)
    told = await slow.batch()
    number, _, gap = told[0]
    assert isinstance(gap, f.Gap) and (gap.first, gap.last) == (1, number)
    assert number >= MOST_WAITING and not slow.overflowed
    assert [entry[0] for entry in told[1:]] == list(range(number + 1, 2 * MOST_WAITING + 11))
