"""The native module over real loopback sockets: both sides of a call in one process."""

from __future__ import annotations

import array
import math
import re
import select
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from talkover import _core

Item = tuple[Any, ...]


def tone(ms: int, rate: int = 24000, hz: float = 440) -> bytes:
    count = rate * ms // 1000
    wave = (int(9000 * math.sin(2 * math.pi * hz * n / rate)) for n in range(count))
    return array.array("h", wave).tobytes()


def level(pcm: bytes) -> float:
    samples = array.array("h", pcm)
    return math.sqrt(sum(s * s for s in samples) / max(1, len(samples)))


class Wire:
    """A server's media threads and a caller's; collects their items."""

    def __init__(self, threads: int, media: _core.Media | None = None) -> None:
        self.media = media or _core.Media("127.0.0.1", 0, threads=threads)
        self.far = _core.Media("127.0.0.1", 0)
        self.items: list[tuple[_core.Media, Item]] = []

    def until(self, wanted: Callable[[Item], bool], far: bool = False, seconds: float = 8) -> Item:
        end = time.monotonic() + seconds
        seen = 0
        while time.monotonic() < end:
            for media, item in self.items[seen:]:
                seen += 1
                if media is (self.far if far else self.media) and wanted(item):
                    return item
            select.select([self.media.fileno(), self.far.fileno()], [], [], 0.2)
            for media in (self.media, self.far):
                self.items += [(media, item) for item in media.drain()]
        kinds = [item[:3] for _, item in self.items if item[0] != "audio"]
        raise AssertionError(f"not seen: {kinds[-20:]}")

    def kind(self, kind: str, far: bool = False) -> Item:
        return self.until(lambda item: item[0] == kind, far)

    def loud(self, far: bool = False) -> None:
        self.until(lambda item: item[0] == "audio" and level(item[3]) > 3000, far)

    def of(self, kind: str) -> list[Item]:
        return [item for media, item in self.items if media is self.media and item[0] == kind]


@pytest.fixture(params=[1, 3], ids=["one thread", "three threads"])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    wire = Wire(request.param)
    yield wire
    wire.media.close()
    wire.far.close()


def connect(wire: Wire, tcp: bool = False) -> tuple[_core.Peer, _core.Peer]:
    caller, offer = wire.far.dial(tcp)
    callee, answer = wire.media.answer(offer)
    caller.accept(answer)
    wire.kind("connected", far=True)
    wire.kind("connected")
    return caller, callee


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_call_carries_voice_both_ways_and_text(wire: Wire, tcp: bool) -> None:
    caller, callee = connect(wire, tcp)
    assert wire.kind("connected")[2] == ("tcp" if tcp else "udp")
    caller.play(1, tone(400), 24000, [])
    callee.play(1, tone(400, 22050), 22050, [0, 4000])
    for peer in (caller, callee):
        peer.finish(1)
        peer.release(1)
    for far in (False, True):
        wire.loud(far)
        wire.kind("stopped", far)
    assert abs(wire.kind("stopped")[3] - 400) <= 2
    assert [item[3] for item in wire.of("word")] == [0, 1]
    callee.send('{"type":"hello"}')
    assert wire.kind("text", far=True)[2] == '{"type":"hello"}'
    caller.send("back")
    assert wire.kind("text")[2] == "back"


def test_a_flush_stops_the_voice_and_says_where(wire: Wire) -> None:
    _, callee = connect(wire)
    callee.play(1, tone(4000), 24000, [])
    callee.release(1)
    wire.loud(far=True)
    callee.flush(1)
    assert 0 < wire.kind("flushed")[3] < 2000
    assert callee.play(1, tone(20), 24000, []) == -1
    assert callee.play(2, tone(20), 24000, []) >= 0


def test_a_peer_without_transport_is_paced_by_its_clock(wire: Wire) -> None:
    peer = wire.media.attach()
    began = time.monotonic()
    peer.play(1, tone(1000), 24000, [])
    peer.finish(1)
    peer.release(1)
    wire.kind("stopped")
    took = time.monotonic() - began
    sent = sum(len(item[3]) for item in wire.of("output"))
    assert sent >= 48000
    assert 0.9 < took < 3
    peer.listen(tone(200))
    wire.loud()


def test_a_flush_takes_back_what_the_clock_did_not_reach(wire: Wire) -> None:
    peer = wire.media.attach()
    peer.play(1, tone(3000), 24000, [])
    peer.release(1)
    wire.kind("started")
    peer.flush(1)
    assert wire.kind("flushed")[3] < 300


@pytest.mark.parametrize(
    ("offer", "says"),
    [
        ("", "cannot|not SDP"),
        ("x" * 70_000, "64 KiB"),
        ("v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 20, "too many media lines"),
    ],
)
def test_a_bad_offer_is_refused_with_a_sentence(wire: Wire, offer: str, says: str) -> None:
    with pytest.raises(_core.OfferError, match=says):
        wire.media.answer(offer)


def test_an_offer_without_audio_says_so(wire: Wire) -> None:
    _, offer = wire.far.dial()
    start, _, rest = offer.partition("m=audio")
    data = rest[rest.index("m=application") :]
    with pytest.raises(_core.OfferError, match="no audio"):
        wire.media.answer(start + data)


def test_odd_audio_and_impossible_rates_are_refused(wire: Wire) -> None:
    peer = wire.media.attach()
    with pytest.raises(ValueError, match="even"):
        peer.play(1, b"123", 24000, [])
    with pytest.raises(ValueError, match="even"):
        peer.listen(b"1")
    with pytest.raises(ValueError, match="rate"):
        peer.play(1, b"12", 1, [])


def test_a_taken_port_is_an_os_error(wire: Wire) -> None:
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        _core.Media("127.0.0.1", wire.media.port)


def test_after_close_calls_say_so(wire: Wire) -> None:
    peer = wire.media.attach()
    wire.media.close()
    with pytest.raises(RuntimeError, match="closed"):
        peer.hold()
    peer.close()


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_commands_keep_their_order_while_calls_move_to_the_thread_that_hears_them(tcp: bool):
    # Peers are made on each thread in turn, and the kernel brings a caller's packets to any of
    # them (a stream's to the first): most of these have to move.
    server = _core.Media("127.0.0.1", 0, threads=3)
    callers = [Wire(1, server) for _ in range(6)]
    calls = [connect(wire, tcp) for wire in callers]
    texts = [str(n) for n in range(60)]
    for n, text in enumerate(texts):
        for caller, callee in calls:
            callee.send(text)
            if n == 10:
                caller.play(1, tone(1000), 24000, [])
                caller.release(1)
            if n == 30:
                callee.play(1, tone(1000), 24000, [])
                callee.release(1)
        time.sleep(0.002)
    for wire in callers:
        wire.until(lambda item: item[0] == "text" and item[2] == texts[-1], far=True)
        wire.loud(far=True)
        told = [item[2] for media, item in wire.items if media is wire.far and item[0] == "text"]
        assert told == texts
    heard = Wire(1, server)
    heard.items = [entry for wire in callers for entry in wire.items]
    for _, callee in calls:
        heard.until(lambda i, id=callee.id: i[:2] == ("audio", id) and level(i[3]) > 3000)
    assert server.stats()["peers"] == len(calls)
    for caller, _ in calls:
        caller.close()
    for _, callee in calls:
        heard.until(lambda item, id=callee.id: item[:2] == ("closed", id))
    assert server.stats()["peers"] == 0
    server.close()
    for wire in (*callers, heard):
        wire.far.close()


def test_a_port_in_use_is_refused_however_many_threads_share_it():
    media = _core.Media("127.0.0.1", 0, threads=2)
    with pytest.raises(OSError):
        _core.Media("127.0.0.1", media.port, threads=2)
    media.close()


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize(("host", "caller"), [("::1", "::1"), ("::", "::1"), ("::", "127.0.0.1")])
def test_a_server_on_ipv6_is_called_over_both(host: str, caller: str, tcp: bool) -> None:
    wire = Wire(1, _core.Media(host, 0))
    wire.far.close()
    wire.far = _core.Media(caller, 0)
    dialled, offer = wire.far.dial(tcp)
    _, answer = wire.media.answer(offer)
    elsewhere = rf"a=candidate:\S+ \d \w+ \d+ (?!{re.escape(caller)} ).*\r\n"
    dialled.accept(re.sub(elsewhere, "", answer))
    assert wire.kind("connected")[2] == ("tcp" if tcp else "udp")
    wire.media.close()
    wire.far.close()
