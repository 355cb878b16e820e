"""The buffering between a call and the sound device, without a device."""

from __future__ import annotations

import random

from talkover.cli.sound import BLOCK, FIRST_BYTES, MOST_AHEAD_MS, MOST_BYTES, Microphone, Speaker

BYTES = BLOCK * 2


def block(n: int) -> bytes:
    return n.to_bytes(2, "little") * BLOCK


def test_it_is_silent_until_there_is_enough_to_bridge_late_packets():
    speaker = Speaker()
    speaker.push(block(1) + block(2))
    assert speaker.pull(BYTES) == bytes(BYTES)
    speaker.push(block(3))
    assert [speaker.pull(BYTES) for _ in range(3)] == [block(1), block(2), block(3)]


def test_after_a_gap_it_fills_again():
    speaker = Speaker()
    speaker.push(block(1) * 3 + bytes(2))
    for _ in range(3):
        assert speaker.pull(BYTES) == block(1)
    assert speaker.pull(BYTES) == bytes(BYTES)
    speaker.push(block(2))
    assert speaker.pull(BYTES) == bytes(BYTES)
    speaker.push(block(2) * 2)
    assert speaker.pull(BYTES) == block(2)


def test_too_much_is_cut_to_the_newest():
    speaker = Speaker()
    for n in range(1, MOST_BYTES // BYTES + 2):
        speaker.push(block(n))
    first = speaker.pull(BYTES)
    assert first == block(MOST_BYTES // BYTES + 2 - FIRST_BYTES // BYTES)


def test_any_sizes_give_what_was_pushed_in_order():
    chance = random.Random(1)
    speaker = Speaker()
    pushed, pulled = bytearray(), bytearray()
    for n in range(200):
        piece = bytes([n % 255 + 1]) * chance.randrange(500, 900)
        pushed += piece
        speaker.push(piece)
        if n >= 4:
            pulled += speaker.pull(chance.randrange(500, 900))
    assert len(pulled) > 100_000
    assert pushed.startswith(pulled)


class SlowCall:
    """A call whose sending lags behind; it keeps what was said."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.waiting = 0

    def speak(self, pcm: bytes, rate: int) -> int:
        self.said.append(pcm)
        self.waiting += len(pcm) * 1000 // (2 * rate)
        return self.waiting


def test_a_microphone_that_runs_ahead_adds_no_delay():
    call = SlowCall()
    microphone = Microphone(call)
    for n in range(100):
        microphone.take(block(n))
        call.waiting = max(0, call.waiting - 19)
    assert call.waiting <= MOST_AHEAD_MS + 40
    assert len(call.said) > 90
