"""A live call moves from one peer to another: its sound, its data channel, its half-said reply."""

from __future__ import annotations

import asyncio

import structlog

from ..media import items as m
from ..media.port import MediaPort, Peer
from .leg import DataChannel, Dialect
from .reply import Reply
from .session import Session

log = structlog.get_logger("talkover.moving")

ARRIVES_S = 20.0
"""A leg that is not connected by then will not come; the call stays where it is."""
CUT_S = 1.0
"""The media thread tells where a voice was cut; where it does not, all that is kept is said again.
"""


def move(session: Session, media: MediaPort, peer: Peer, transport: str) -> None:
    """Give the call's sound to `peer`, at once; the last one says goodbye and is closed."""
    if session.ended:
        peer.close()
        return
    old, replies, gone = session.peer, session.speaking, session.absence.is_on
    if session.channel is not None:
        session.stream.detach(session.channel)
        session.channel = None
    farewell = Farewell(session, old)
    media.bind(old, farewell.handle)
    session.take_over(peer, transport)
    media.bind(peer, session.handle)
    if gone:
        for reply in replies:
            reply.come_back(peer)
    else:
        farewell.cut(replies)
    log.info("call moved", session=session.id, transport=transport)


def move_to_caller(
    session: Session, media: MediaPort, peer: Peer, codec: Dialect, *, whole: bool = False
) -> None:
    """The same, as soon as `peer` is connected; its data channel is told everything from then.

    `whole`: and what the conversation holds already.
    One peer at a time is on its way; of two, the later one.
    """
    if session.arriving is not None:
        session.arriving.close()
    session.arriving = peer

    def arrived(transport: str) -> None:
        late.cancel()
        session.arriving = None
        channel = DataChannel(peer, codec).tell
        if session.begun:
            # What every leg is told first, and this one only.
            channel((0, round(session.clock() * 1000), session.created(whole=whole)))
        session.stream.attach(channel)
        move(session, media, peer, transport)
        session.requests.decode, session.channel = codec.decode, channel
        session.begin()

    def handle(item: m.Item) -> None:
        match item:
            case m.Connected(transport):
                arrived(transport)
            case m.Closed():
                late.cancel()
                if session.arriving is peer:
                    session.arriving = None
            case _:
                pass

    late = asyncio.get_running_loop().call_later(ARRIVES_S, peer.close)
    media.bind(peer, handle)


class Farewell:
    """What a peer still has to say that lost its call: where each voice of its was cut."""

    def __init__(self, session: Session, peer: Peer) -> None:
        self._session, self._peer = session, peer
        self._cut: dict[int, Reply] = {}
        self._late: asyncio.TimerHandle | None = None

    def cut(self, replies: list[Reply]) -> None:
        """Stop it, and have the replies go on at the session's new peer."""
        for reply in replies:
            if reply.sounded or self._session.is_ending(reply.epoch):
                self._cut[reply.epoch] = reply
            else:
                reply.move(self._session.peer, 0.0)
        if not self._cut:
            self._peer.close()
            return
        self._peer.flush(max(self._cut))
        self._late = asyncio.get_running_loop().call_later(CUT_S, self._give_up)

    def handle(self, item: m.Item) -> None:
        match item:
            case m.Flushed(epoch, played) if epoch in self._cut:
                reply = self._cut.pop(epoch)
                if self._session.is_ending(epoch):
                    self._session.handle(item)
                else:
                    reply.move(self._session.peer, played)
            case m.Stopped(epoch):
                # It was over before it was cut.
                self._cut.pop(epoch, None)
                self._session.handle(item)
            case _:
                return
        if not self._cut:
            self._close()

    def _give_up(self) -> None:
        for reply in self._cut.values():
            reply.move(self._session.peer, 0.0)
        self._cut.clear()
        self._close()

    def _close(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        self._peer.close()
