"""One inbox on one descriptor: items of the media threads reach their sessions here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .. import _core
from .items import Closed, Described, Item, typed
from .priority import hurried

Peer = _core.Peer
OfferError = _core.OfferError
TextTooLong = _core.TextTooLong
ChannelFull = _core.ChannelFull
OpusDecoder = _core.OpusDecoder
OpusEncoder = _core.OpusEncoder
Handler = Callable[[Item], None]

RESTART_S = 5.0


class MediaPort:
    """The media threads, seen from the event loop.

    All methods belong to the loop's thread. `host` and `port` are bound for UDP and TCP at once;
    OSError says that one of them is taken. Who calls (`core.dial`) needs one thread.
    """

    def __init__(
        self, host: str, port: int, public_ip: str | None = None, *, threads: int = 1
    ) -> None:
        with hurried():
            self.core = _core.Media(host, port, public_ip, threads)
        self._handlers: dict[int, Handler] = {}
        self._early: dict[int, list[Item]] = {}
        self._wanted: dict[int, asyncio.Future[str]] = {}
        self._most = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.core.fileno(), self._drain)

    @property
    def port(self) -> int:
        return self.core.port

    def frames(self) -> tuple[int, int]:
        """Frames of agents' voices sent since the start, and those that went out 10 ms late."""
        stats = self.core.stats()
        return int(stats["frames_sent"]), int(stats["frames_late"])

    def most_waiting(self) -> int:
        """Items that waited in the inbox at a time, the most since this was asked last."""
        most, self._most = self._most, 0
        return most

    def attach(self, handler: Handler) -> Peer:
        """A peer without transport; `handler` gets its items."""
        peer = self.core.attach()
        self.bind(peer, handler)
        return peer

    def bind(self, peer: Peer, handler: Handler) -> None:
        """Send the items of `peer` to `handler`, those that came before it first."""
        self._handlers[peer.id] = handler
        for item in self._early.pop(peer.id, ()):
            handler(item)

    async def restart(self, peer: Peer, offer: str) -> str:
        """Answer a later offer of a caller, who goes on from another address (ICE restart, RFC 8445
        §9). OfferError, also where the call ends first; TimeoutError after `RESTART_S`."""
        return await self._described(peer, lambda: peer.restart(offer))

    async def offer_restart(self, peer: Peer) -> str:
        """Offer, as the caller, to go on from the addresses that this machine has now; the peer's
        `accept` takes the answer. OfferError and TimeoutError as with `restart`."""
        return await self._described(peer, peer.offer_restart)

    async def _described(self, peer: Peer, ask: Callable[[], None]) -> str:
        if peer.id in self._wanted:
            raise OfferError("Another offer of this call is being answered; wait for that answer.")
        ask()
        sdp = self._wanted[peer.id] = self._loop.create_future()
        try:
            async with asyncio.timeout(RESTART_S):
                return await sdp
        finally:
            del self._wanted[peer.id]

    def close(self) -> None:
        """Stop the media threads; every peer is closed without a further item."""
        self._loop.remove_reader(self.core.fileno())
        self.core.close()
        self._handlers.clear()

    def _drain(self) -> None:
        items = self.core.drain()
        self._most = max(self._most, len(items))
        for raw in items:
            peer, item = typed(raw)
            if isinstance(item, Described | Closed):
                self._describe(peer, item)
            handler = self._handlers.get(peer)
            if handler is None:
                self._early.setdefault(peer, []).append(item)
                if isinstance(item, Closed):
                    self._early.pop(peer, None)
                continue
            if isinstance(item, Closed):
                del self._handlers[peer]
            handler(item)

    def _describe(self, peer: int, item: Described | Closed) -> None:
        sdp = self._wanted.get(peer)
        if sdp is None or sdp.done():
            return
        match item:
            case Described(str(text)):
                sdp.set_result(text)
            case Described(_, error):
                sdp.set_exception(OfferError(error))
            case Closed():
                sdp.set_exception(OfferError("The call has ended; make a new one."))


def opus(pcm: bytes) -> list[bytes]:
    """24 kHz audio as a browser's 20 ms Opus packets, for `Peer.play_opus`."""
    return _core.encode_opus(pcm)
