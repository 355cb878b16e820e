"""The mean square of each step."""

from __future__ import annotations

import array

import pytest

from talkover.media.loudness import loudness


def test_each_step_has_its_own_and_the_last_may_be_shorter() -> None:
    pcm = array.array("h", [3, -3, 4, 0, -32768]).tobytes()
    assert loudness(pcm, 2) == [9.0, 8.0, 2.0**30]
    assert loudness(b"", 2) == []


@pytest.mark.parametrize(("pcm", "step", "why"), [(b"abc", 1, "even"), (b"ab", 0, "at least one")])
def test_what_is_no_sound_and_no_step_is_refused(pcm: bytes, step: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        loudness(pcm, step)
