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
    stream, let_go = FactStream(), list[bool]()
    stream.on_slow = lambda: let_go.append(True)
    slow, quick = stream.subscribe(), stream.subscribe()
    for at in range(MOST_WAITING + 10):
        stream.emit(FACT, at)
        await quick.batch()
    assert slow.overflowed and not quick.overflowed
    assert let_go == [True]
    assert stream.waiting == 0
