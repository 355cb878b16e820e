"""Both directions of an accepted WebSocket: a session's facts out, what its client asks in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, MutableMapping
from functools import partial
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..protocol import facts as f
from ..protocol.commands import AppendAudio, Command
from ..protocol.config import OpusFormat
from ..protocol.errors import BadEvent
from ..protocol.text import to_text
from ..session.encoded import texts
from ..session.leg import Dialect
from ..session.session import Session
from ..session.stream import Entry, Subscription
from .corked import frames_of

log = structlog.get_logger("talkover.socket")

SLOW_S = 20.0
"""A client that takes nothing for so long is let go."""
MOVED = "the call goes on elsewhere"
SLOW = "the client reads too slowly"
HUNG_UP = (1000, 1001)
"""Codes of a client that closed the socket, a page that was left among them."""

Json = dict[str, Any]
Fill = Callable[[], list[Json]]
FILL_S = 0.1


async def converse(
    socket: WebSocket,
    session: Session,
    codec: Dialect,
    *,
    own: bool,
    whole: bool = False,
    fill: Fill | None = None,
    gaps: bool = False,
    before: Iterable[AppendAudio] = (),
) -> None:
    """Both directions of an accepted socket, to its end or the session's.

    `whole`: it is told what the conversation holds already.
    `own`: it has the session's sound, and while it does, the session ends with it. `fill` is asked
    every 100 ms for events that only time brings. `gaps`: where it is too slow, it is told so and
    goes on. `before` is what it said on its way here.
    """
    told, at_once = partial(texts, codec), None
    if not own and codec.alike is not None:
        told, at_once = _shared(session, codec, frames_of(socket))
    subscription = session.stream.subscribe(gaps=gaps, at_once=at_once)
    peer = session.peer if own else None

    def stays() -> bool:
        return peer is None or session.peer is peer

    first: list[Json] = []
    if own and session.begun:
        # Who joins is told what every leg is told first.
        created = session.created(whole=whole)
        first = codec.encode(created, round(session.clock() * 1000))
    elif own:
        session.begin()
    for sound in before:
        session.submit(sound)
    reading = asyncio.create_task(_read(socket, codec, session, stays, own))
    writing = asyncio.create_task(_write(socket, told, subscription, first, stays, fill, own))
    try:
        await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        subscription.close()
        reading.cancel()
        writing.cancel()
        why = writing.result() if _is_done(writing) else "the client went away"
        if why == SLOW:
            log.warning("a client was let go", session=session.id, reason=why)
        if own and stays():
            await _leave(session, why, reading)


def _shared(
    session: Session, codec: Dialect, write: Callable[[bytes], bool] | None
) -> tuple[Callable[[Entry], list[str]], Callable[[Entry], bool]]:
    """For one of those who are told the same: an entry's texts, and how to tell it at once."""

    def told(entry: Entry) -> list[str]:
        return session.encoded.told(codec, entry).texts

    def at_once(entry: Entry) -> bool:
        frames = session.encoded.told(codec, entry).frames
        return not frames or (write is not None and write(frames))

    return told, at_once


async def _leave(session: Session, why: str, reading: asyncio.Task[int]) -> None:
    """Whoever closes the socket has hung up; whoever just is not there any more may come back."""
    if _is_done(reading) and reading.result() in HUNG_UP:
        await session.end(why, "left")
    elif why == SLOW:
        await session.end(why, "lost")
    else:
        session.absence.begin(why)


async def _read(
    socket: WebSocket, codec: Dialect, session: Session, stays: Callable[[], bool], own: bool
) -> int:
    """Until the client goes; returns the code with which it closed."""
    while not session.ended:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            # Without a code a client may close, too; only then is there a reason, though empty.
            return 1000 if "reason" in message and message["code"] == 1005 else message["code"]
        if not stays():
            continue
        try:
            command = _command(message, codec, packets=own and _takes_packets(session))
        except BadEvent as error:
            session.refuse(error)
            continue
        session.submit(command)
        await session.requests.intake.room()
    return 1000


def _takes_packets(session: Session) -> bool:
    return isinstance(session.config.audio.input.format, OpusFormat)


def _command(message: MutableMapping[str, Any], codec: Dialect, *, packets: bool) -> Command:
    """BadEvent. `packets`: what is binary is the caller's voice, a packet a message."""
    text: str | None = message.get("text")
    if text is not None:
        return codec.decode(text)
    binary: bytes = message.get("bytes") or b""
    return AppendAudio(binary) if packets else codec.decode(binary)


async def _write(
    socket: WebSocket,
    told: Callable[[Entry], list[str]],
    subscription: Subscription,
    first: list[Json],
    stays: Callable[[], bool],
    fill: Fill | None,
    own: bool,
) -> str:
    """Send until there is no more to send, or nobody who takes it; returns why it ended."""
    try:
        for event in first:
            await socket.send_text(to_text(event))
        while (entries := await _next(subscription, fill)) != []:
            if not stays():
                await socket.close(1000, MOVED)
                return MOVED
            async with asyncio.timeout(SLOW_S):
                for entry in entries or ():
                    fact = entry[2]
                    if own and isinstance(fact, f.ReplyAudio) and fact.packet:
                        await socket.send_bytes(fact.sound)
                        continue
                    for text in told(entry):
                        await socket.send_text(text)
                for event in fill() if fill is not None else ():
                    await socket.send_text(to_text(event))
        if not subscription.overflowed:
            await socket.close(1000, "the call has ended")
            return "the call has ended"
        async with asyncio.timeout(SLOW_S):
            await socket.close(1013, SLOW)
        return SLOW
    except TimeoutError:
        return SLOW
    except (WebSocketDisconnect, RuntimeError):
        return "the client went away"


async def _next(subscription: Subscription, fill: Fill | None) -> list[Entry] | None:
    """What comes next; nothing at the end, None where only time passed."""
    if fill is None:
        return await subscription.batch()
    try:
        async with asyncio.timeout(FILL_S):
            return await subscription.batch()
    except TimeoutError:
        return None


def _is_done(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
