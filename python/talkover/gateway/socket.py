"""Realtime over a WebSocket: a session of its own, another's events (`?call_id=`), or another's
sound as well (`?call_id=…&audio=here`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..errors import TalkoverError
from ..protocol import facts as f
from ..protocol.commands import AppendAudio
from ..protocol.errors import BadEvent
from ..protocol.ids import fresh
from ..protocol.realtime import Codec
from ..protocol.text import to_text
from ..session.leg import Dialect
from ..session.lobby import Lobby
from ..session.returning import Returning
from ..session.session import Session
from ..session.stream import Entry, Subscription
from .admission import check_own, given, resumption, spending, waits
from .errors import HttpError, refusal, shown
from .keys import Caller, Keyring, bearer
from .waiting import until_resumed

log = structlog.get_logger("talkover.socket")

_KEY = "openai-insecure-api-key."
SLOW_S = 20.0
"""A client that takes nothing for so long is let go."""
MOVED = "the call goes on elsewhere"
SLOW = "the client reads too slowly"
HUNG_UP = (1000, 1001)
"""Codes of a client that closed the socket, a page that was left among them."""

Json = dict[str, Any]
Fill = Callable[[], list[Json]]
FILL_S = 0.1


class Sockets:
    """`refused` is told the HTTP status of each socket that is turned away."""

    def __init__(self, lobby: Lobby, keys: Keyring, refused: Callable[[int], None]) -> None:
        self._lobby, self._keys, self._refused = lobby, keys, refused

    async def serve(self, socket: WebSocket) -> None:
        offered = [name.strip() for name in socket.scope.get("subprotocols", [])]
        try:
            caller = self._keys.admit(bearer_of(socket, offered), socket.headers)
            if back := waits(socket.query_params, caller):
                return await wait(socket, self._lobby, back, _accepted(offered))
            session, own = await self._session(socket, caller)
        except Exception as error:
            status, body = shown(error)
            if status == 500:
                log.exception("a WebSocket could not be opened")
            if "call_id" not in socket.query_params:
                self._refused(status)
            await refuse(socket, status, body)
            return
        back = resumption(session) if own else {}
        await socket.accept(
            _accepted(offered),
            [(name.encode(), value.encode()) for name, value in back.items()],
        )
        extensions = socket.query_params.get("extensions") == "talkover"
        codec = Codec(extensions=extensions, audio_events=own)
        if own and "call_id" in socket.query_params:
            self._lobby.move_to_socket(session)
        # A page cannot see the headers of a socket.
        if extensions and back:
            event = {"type": "talkover.resumable", "event_id": fresh("event"), **_told(session)}
            await socket.send_text(to_text(event))
        await converse(socket, session, codec, own=own, whole=isinstance(caller, Returning))

    async def _session(self, socket: WebSocket, caller: Caller) -> tuple[Session, bool]:
        query = socket.query_params
        call_id = query.get("call_id")
        if call_id is not None:
            session = self._lobby.get(call_id)
            if session is None:
                raise HttpError(404, "There is no such call; it may have ended.")
            check_own(caller, session)
            match query.get("audio"):
                case None:
                    return session, False
                case "here":
                    return session, True
                case _:
                    raise HttpError(
                        400, "audio can be \"here\", which gives this socket the call's sound; "
                        "left out, it sees the call's events.", code="invalid_value", param="audio",
                    )  # fmt: skip
        if isinstance(caller, Returning):
            return await self._lobby.resume_at_socket(caller), True
        with spending(caller, self._lobby) as note:
            config: dict[str, Any] = {"model": query["model"]} if "model" in query else {}
            if query.get("intent") == "transcription":
                config["type"] = "transcription"
            session = self._lobby.attach(**given(caller, config, query.get("agent")))
            note(session)
        return session, True


def _accepted(offered: list[str]) -> str | None:
    return "realtime" if "realtime" in offered else None


async def wait(socket: WebSocket, lobby: Lobby, back: Returning, protocol: str | None) -> None:
    """A socket that resumes its session once its client says so, and speaks of nothing before."""
    codec = Codec(extensions=socket.query_params.get("extensions") == "talkover", audio_events=True)
    with lobby.place_beside(back):
        await lobby.waiting(back)
        await socket.accept(protocol)
        sound = await until_resumed(socket, codec)
    if sound is None:
        return
    try:
        session = await lobby.resume_at_socket(back)
    except TalkoverError as error:
        failed = f.Failed("invalid_request_error", error.code, error.message)
        for event in codec.encode(failed):
            await socket.send_text(to_text(event))
        await socket.close(1013, "the session could not be resumed")
        return
    await converse(socket, session, codec, own=True, whole=True, before=sound)


def _told(session: Session) -> Json:
    return {"token": session.token, "seconds": session.absence.seconds}


async def converse(
    socket: WebSocket,
    session: Session,
    codec: Dialect,
    *,
    own: bool,
    whole: bool = False,
    fill: Fill | None = None,
    before: Iterable[AppendAudio] = (),
) -> None:
    """Both directions of an accepted socket, to its end or the session's.

    `whole`: it is told what the conversation holds already.
    `own`: it has the session's sound, and while it does, the session ends with it. `fill` is asked
    every 100 ms for events that only time brings. `before` is what it said on its way here.
    """
    subscription = session.subscribe()
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
    reading = asyncio.create_task(_read(socket, codec, session, stays))
    writing = asyncio.create_task(_write(socket, codec, subscription, first, stays, fill))
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


async def _leave(session: Session, why: str, reading: asyncio.Task[int]) -> None:
    """Whoever closes the socket has hung up; whoever just is not there any more may come back."""
    if _is_done(reading) and reading.result() in HUNG_UP:
        await session.end(why, "left")
    elif why == SLOW:
        await session.end(why, "lost")
    else:
        session.absence.begin(why)


async def _read(
    socket: WebSocket, codec: Dialect, session: Session, stays: Callable[[], bool]
) -> int:
    """Until the client goes; returns the code with which it closed."""
    while not session.ended:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            # Without a code a client may close, too; only then is there a reason, though empty.
            return 1000 if "reason" in message and message["code"] == 1005 else message["code"]
        if not stays():
            continue
        text: str | bytes | None = message.get("text")
        try:
            command = codec.decode(text if text is not None else message.get("bytes") or b"")
        except BadEvent as error:
            session.refuse(error)
            continue
        session.submit(command)
        await session.requests.intake.room()
    return 1000


async def _write(
    socket: WebSocket,
    codec: Dialect,
    subscription: Subscription,
    first: list[Json],
    stays: Callable[[], bool],
    fill: Fill | None,
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
                for _, at_ms, fact in entries or ():
                    for event in codec.encode(fact, at_ms):
                        await socket.send_text(to_text(event))
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


def bearer_of(socket: WebSocket, offered: list[str]) -> str | None:
    """The key that came along; a page can only put it among the subprotocols it offers."""
    for name in offered:
        if name.startswith(_KEY):
            return name.removeprefix(_KEY)
    return bearer(socket.headers)


async def refuse(socket: WebSocket, status: int, body: dict[str, Any]) -> None:
    """Answer a socket that is not accepted yet with an HTTP error."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(refusal(status, body))
    else:
        await socket.close(1008)
