"""The Live protocol's addresses: sessions over WebRTC and WebSocket, and who attaches to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..errors import Full, TalkoverError
from ..protocol import commands as c
from ..protocol import facts as f
from ..protocol.decoding import Fields
from ..protocol.errors import BadEvent
from ..protocol.ids import fresh
from ..protocol.live.codec import LiveCodec, output_audio
from ..protocol.live.decoding import starting
from ..protocol.live.settings import EVERYTHING, Startup, silence, startup
from ..protocol.live.silence import Silence
from ..protocol.text import to_text
from ..session.lobby import Lobby
from ..session.returning import About, Returning
from ..session.session import Session
from .admission import check_own, given, resumable, resumption, spending, waits
from .body import in_time, json_object, read_body
from .converse import converse
from .errors import HttpError, shown
from .keys import Caller, Keyring, bearer
from .socket import bearer_of, refuse
from .waiting import wait

log = structlog.get_logger("talkover.live")

START_S = 30.0
"""A socket that has not started its session by then is closed."""
MOST_BODY = 512 * 1024
PATH = "/v1/live/sessions"
_NOT_HERE = {
    "fork": "Sessions are not stored here; start a new one with the history as its input.",
    "content": "Sessions are not stored here; the server can record calls with --record.",
    "accept": "There are no telephone calls here to accept.",
    "reject": "There are no telephone calls here to reject.",
    "refer": "There are no telephone calls here to refer.",
}


class LiveGateway:
    """Routes over one lobby. `refused` is told the HTTP status of each socket turned away."""

    def __init__(self, lobby: Lobby, keys: Keyring, refused: Callable[[int], None]) -> None:
        self._lobby, self._keys, self._refused = lobby, keys, refused

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route(PATH, self.create, methods=["POST"]),
            WebSocketRoute(PATH, self.serve),
            WebSocketRoute(f"{PATH}/{{id}}/attach", self.attach),
            Route(f"{PATH}/{{id}}/hangup", self.hangup, methods=["POST"]),
            Route(f"{PATH}/{{id}}/{{what}}", self.not_here, methods=["GET", "POST"]),
        ]

    async def create(self, request: Request) -> Response:
        """A session over WebRTC: JSON with an offer in, its id and an answer out.

        With a token, the offer is of a leg for the session that is come back to.
        """
        caller = await self._keys.admit(bearer(request.headers), request.headers)
        back = waits(request.query_params, caller)
        if isinstance(caller, Returning):
            offer = _offer(await _body(request))
            if back is not None:
                _, answer = await self._lobby.wait(back, offer, _waiting(request.query_params))
                return _answered(back.id, answer)
            dialect = _over_webrtc(request.query_params)
            session, answer = await self._lobby.resume(caller, offer, dialect)
            return _answered(session.id, answer)
        async with spending(caller, self._keys, self._lobby):
            session, answer = await self._call(request, caller, await _body(request))
        return _answered(session.id, answer, **resumption(session))

    async def _call(self, request: Request, caller: Caller, body: Fields) -> tuple[Session, str]:
        offer, asked = _offer(body), startup(body.inside("session"), media=True)
        allowed = given(caller, asked.config, request.query_params.get("agent"))
        session, answer = await self._lobby.call(
            offer, _over_webrtc(request.query_params), permissions=asked.permissions, **allowed
        )
        _remember(session, asked)
        return session, answer

    async def hangup(self, request: Request) -> Response:
        caller = await self._keys.admit(bearer(request.headers), request.headers)
        session = self._find(request.path_params["id"], caller)
        await session.end("hung up")
        return Response(status_code=200)

    async def not_here(self, request: Request) -> Response:
        await self._keys.admit(bearer(request.headers), request.headers)
        message = _NOT_HERE.get(request.path_params["what"])
        if message is None:
            raise HttpError(404, "There is nothing at this path.", code="not_found")
        raise HttpError(400, message, code="unsupported")

    async def serve(self, socket: WebSocket) -> None:
        """A session over a WebSocket, which begins with the client's `session.start`."""
        caller = await self._admitted(socket)
        if isinstance(caller, _Refused):
            return
        try:
            back = waits(socket.query_params, caller)
            blank = LiveCodec({}, began=0.0, sound=True, media=False)
            found = None if back is None else await wait(socket, self._lobby, back, blank)
        except TalkoverError as error:
            return await refuse(socket, *shown(error))
        if found is not None:
            return await self._converse(socket, caller, found[0], before=found[1])
        if back is not None:
            return
        await socket.accept()
        try:
            async with asyncio.timeout(START_S):
                started = await self._started(socket, caller)
        except TimeoutError:
            await _tell(socket, _late())
            await socket.close(1008, "no session.start came")
            return
        if started is not None:
            await self._converse(socket, caller, started[0], start_id=started[1])

    async def _converse(
        self,
        socket: WebSocket,
        caller: Caller,
        session: Session,
        *,
        start_id: str | None = None,
        before: Iterable[c.AppendAudio] = (),
    ) -> None:
        """All of a leg that has the session's sound."""
        codec = _beside(socket, caller, session, sound=True, start_id=start_id)
        if _extended(socket.query_params) and session.token:
            await socket.send_text(to_text(resumable(session)))
        unbroken = _Unbroken(session, codec)
        await converse(
            socket, session, unbroken, own=True, whole=isinstance(caller, Returning),
            fill=unbroken.fill, before=before,
        )  # fmt: skip

    async def attach(self, socket: WebSocket) -> None:
        """Another connection to a session, which sees and steers it and has no sound."""
        caller = await self._admitted(socket)
        if isinstance(caller, _Refused):
            return
        try:
            session = self._find(socket.path_params["id"], caller)
        except Exception as error:
            await refuse(socket, *shown(error))
            return
        await socket.accept()
        codec = _beside(socket, caller, session, sound=False)
        await converse(socket, session, codec, own=False)

    async def _admitted(self, socket: WebSocket) -> Caller | _Refused:
        try:
            return await self._keys.admit(bearer_of(socket, []), socket.headers)
        except TalkoverError as error:
            self._refused(shown(error)[0])
            await refuse(socket, *shown(error))
            return _Refused()

    async def _started(
        self, socket: WebSocket, caller: Caller
    ) -> tuple[Session, str | None] | None:
        """The session that the client starts, and its event's id; None where it gives up."""
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            event_id = None
            try:
                fields = starting(message.get("text") or message.get("bytes") or b"")
                event_id = fields.event_id
                return await self._session(socket, caller, fields), event_id
            except BadEvent as error:
                # It may be put right: nothing has begun yet.
                error.event_id = error.event_id or event_id
                await _tell(socket, error)
            except TalkoverError as error:
                self._refused(shown(error)[0])
                refusal = BadEvent(error.message, code=error.code, event_id=event_id)
                await _tell(socket, refusal)
                await socket.close(1013 if isinstance(error, Full) else 1008, error.code)
                return None

    async def _session(self, socket: WebSocket, caller: Caller, fields: Fields) -> Session:
        if isinstance(caller, Returning):
            # Its settings are those that it has.
            return await self._lobby.resume_at_socket(caller)
        asked = startup(fields.inside("session"), media=False)
        agent = socket.query_params.get("agent")
        async with spending(caller, self._keys, self._lobby):
            session = self._lobby.attach(**given(caller, asked.config, agent))
        _remember(session, asked)
        return session

    def _find(self, id: str, caller: Caller) -> Session:
        session = self._lobby.get(id)
        if session is None:
            raise HttpError(
                404, "There is no such session; it may have ended.", code="session_not_found"
            )
        check_own(caller, session)
        return session


class _Refused:
    """Who was turned away already."""


async def _body(request: Request) -> Fields:
    return Fields(json_object(await in_time(read_body(request, MOST_BODY))), None)


def _offer(body: Fields) -> str:
    """The SDP. BadEvent."""
    transport = body.inside("transport")
    if transport.text("type") != "webrtc":
        raise transport.bad("type", "webrtc")
    return transport.text("sdp")


def _answered(id: str, sdp: str, **headers: str) -> Response:
    made = {"session": {"id": id}, "transport": {"type": "webrtc", "sdp": sdp}}
    return JSONResponse(made, 201, {"Location": f"{PATH}/{id}", **headers})


def _extended(query: Mapping[str, str]) -> bool:
    return query.get("extensions") == "talkover"


def _over_webrtc(query: Mapping[str, str]) -> Callable[[Session], LiveCodec]:
    return lambda session: LiveCodec(
        session.shown(), began=session.began, sound=False, media=True,
        extensions=_extended(query), permissions=session.permissions,
    )  # fmt: skip


def _waiting(query: Mapping[str, str]) -> Callable[[About], LiveCodec]:
    """Of a leg whose session is told of only as it is resumed."""
    return lambda about: LiveCodec(
        about.config, began=about.began, sound=False, media=True,
        extensions=_extended(query), permissions=about.permissions,
    )  # fmt: skip


def _beside(
    socket: WebSocket,
    caller: Caller,
    session: Session,
    *,
    sound: bool,
    start_id: str | None = None,
) -> LiveCodec:
    # The limits are the page's, and it is the page that has the token.
    limits = session.permissions if isinstance(caller, Returning) else EVERYTHING
    return LiveCodec(
        session.shown(), began=session.began, sound=sound,
        media=session.transport != "websocket", extensions=_extended(socket.query_params),
        start_id=start_id, permissions=limits,
    )  # fmt: skip


def _remember(session: Session, asked: Startup) -> None:
    for item in asked.history:
        session.submit(c.CreateItem(item))


class _Unbroken:
    """A codec whose sound has no gaps: `fill` gives the silence between."""

    def __init__(self, session: Session, codec: LiveCodec) -> None:
        self._session, self._codec = session, codec
        self._silence: Silence | None = Silence(*silence(session.shown()))

    @property
    def alike(self) -> None:
        """Its silence is its own."""

    def encode(self, fact: f.Fact, at_ms: int = 0) -> list[dict[str, Any]]:
        match fact:
            case f.ReplyAudio(sound=sound) if self._silence is not None:
                self._silence.sent(len(sound), at_ms)
            case f.Ended():
                self._silence = None
            case _:
                pass
        return self._codec.encode(fact, at_ms)

    def decode(self, text: str | bytes) -> c.Command:
        return self._codec.decode(text)

    def fill(self) -> list[dict[str, Any]]:
        if self._silence is None:
            return []
        missing = self._silence.missing(self._session.clock() * 1000)
        return [output_audio(missing)] if missing else []


def _late() -> BadEvent:
    return BadEvent(
        f"No session.start came within {START_S:.0f} s.", code="session_not_started", param="type"
    )


async def _tell(socket: WebSocket, error: BadEvent) -> None:
    inner = {"type": error.type, "code": error.code or error.type, "message": error.message}
    inner |= {"param": error.param} if error.param is not None else {}
    inner |= {"client_event_id": error.event_id} if error.event_id is not None else {}
    try:
        await socket.send_text(
            to_text({"type": "error", "event_id": fresh("event"), "error": inner})
        )
    except (WebSocketDisconnect, RuntimeError):
        log.debug("nobody took the error", code=error.code)
