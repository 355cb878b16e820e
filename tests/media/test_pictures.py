"""Pictures over real loopback sockets, both sides of a call in one process."""

from __future__ import annotations

import pytest
from media.test_core import Wire
from pictures import BLUE, LOSSLESS, RED

from talkover import _core


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_look_and_a_shown_picture_cross_the_wire_unchanged(tcp: bool) -> None:
    wire = Wire(1)
    try:
        caller, offer = wire.far.dial(tcp, video=True)
        callee, answer = wire.media.answer(offer)
        caller.accept(answer)
        for far in (False, True):
            wire.kind("connected", far)
        assert wire.kind("video")[2:] == (False, True)
        caller.show(RED)
        callee.show(BLUE)
        for peer, far, expected in ((callee, False, RED), (caller, True, BLUE)):
            wire.until(lambda item: item[0] == "video" and item[2], far)
            peer.look(5000)
            _, _, age, width, height, webp = wire.kind("picture", far)
            assert (width, height, webp) == (64, 48, expected)
            assert 0 <= age < 5
    finally:
        wire.media.close()
        wire.far.close()


def test_what_cannot_be_shown_is_refused_before_it_is_sent() -> None:
    media = _core.Media("127.0.0.1", 0)
    peer = media.attach()
    for wrong, why in ((LOSSLESS, "lossy"), (b"", "not a WebP"), (RED[:60], "broken")):
        with pytest.raises(ValueError, match=why):
            peer.show(wrong)
    peer.show(RED)
    peer.look(100)
    media.close()
