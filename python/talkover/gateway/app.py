"""The HTTP side: calls, client secrets, health, and the page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from .. import __version__
from ..cluster.bus import Bus
from ..cluster.secrets import Secrets
from ..errors import TalkoverError
from ..media.port import OfferError
from ..observe.metrics import CONTENT_TYPE, Metrics
from ..observe.observatory import Observatory
from ..protocol import beta
from ..protocol.errors import BadEvent
from ..protocol.ids import fresh
from ..protocol.realtime import Codec
from ..session.lobby import Lobby
from ..session.returning import Returning
from ..session.session import Session
from .admission import (
    RESUME,
    at_realtime,
    check_operator,
    check_own,
    given,
    resumption,
    spending,
    waits,
)
from .body import in_time, json_object, object_in, read_body
from .errors import HttpError, respond
from .ice import NO_ICE_SERVERS, IceServers
from .keys import Allowed, Caller, Keyring, Secret, bearer
from .live import LiveGateway
from .sessions import SessionsGateway
from .socket import Sockets
from .steer import SteerGateway

MOST_SDP = 64 * 1024
MOST_BODY = 512 * 1024
CALLS = ("/v1/realtime/calls", "/v1/realtime", "/v1/live/sessions")
LIMITS = ("max_calls", "max_seconds", "max_idle_seconds")
STATIC = Path(__file__).parent / "static"
PAGES = {"": "index.html", "operate": "operate.html"}
"""Their addresses, and their files."""
TRIES = (
    "What time is it?", "Tell me a story", "What is twelve times seven?",
    "Set a timer for ten seconds", "Count to twenty", "One, two, three …",
    "What day is it?", "Spell banana", "Repeat after me: good morning", "What can you do?",
)  # fmt: skip
_POLICY = (
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
    "media-src 'self' blob: mediastream:; worker-src 'self' blob:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'"
)


class Gateway:
    """Routes over one lobby. `trouble` tells what a reload found wrong, for the page."""

    def __init__(
        self,
        lobby: Lobby,
        keys: Keyring,
        ice: IceServers,
        trouble: Callable[[], dict[str, Any] | None],
        metrics: Metrics,
    ) -> None:
        self._lobby, self._keys, self._ice, self._trouble = lobby, keys, ice, trouble
        self._metrics = metrics

    async def call(self, request: Request) -> Response:
        caller = at_realtime(await self._keys.admit(bearer(request.headers), request.headers))
        query = request.query_params
        extensions = query.get("extensions") == "talkover"
        codec = Codec(extensions=extensions, audio_events=False)
        if "call_id" in query:
            return await self._move(request, query["call_id"], caller, codec)
        if back := waits(query, caller):
            offer, _ = await in_time(_offer(request))
            call_id, answer = await self._lobby.wait(back, offer, lambda _: codec)
            headers = {"Location": f"{CALLS[0]}/{call_id}"}
            return Response(answer, 201, headers, media_type="application/sdp")
        if isinstance(caller, Returning):
            offer, _ = await in_time(_offer(request))
            return _answered(*await self._lobby.resume(caller, offer, lambda _: codec))
        async with spending(caller, self._keys, self._lobby):
            offer, config = await in_time(_offer(request))
            if "model" in query:
                config.setdefault("model", query["model"])
            allowed = given(caller, config, query.get("agent"))
            session, answer = await self._lobby.call(offer, lambda _: codec, **allowed)
        return _answered(session, answer)

    async def _move(self, request: Request, id: str, caller: Caller, codec: Codec) -> Response:
        """A live call goes on over this offer's WebRTC, once that is connected."""
        session = self._session(id)
        check_own(caller, session)
        offer, config = await in_time(_offer(request))
        if config:
            raise HttpError(
                400, "A call that moves keeps its session; leave it out, and change it with "
                "session.update.", code="invalid_value", param="session",
            )  # fmt: skip
        answer = await self._lobby.move(session, offer, lambda _: codec)
        return _answered(session, answer)

    async def restart(self, request: Request) -> Response:
        """A later offer of the same connection, which goes on from another address."""
        caller = await self._keys.admit(bearer(request.headers), request.headers)
        session = self._session(request.path_params["id"])
        check_own(caller, session)
        if session.transport == "websocket":
            raise HttpError(
                400, "This call is on a WebSocket; to move it to WebRTC, post the offer to "
                f"/v1/realtime/calls?call_id={session.call_id}.", code="invalid_value",
            )  # fmt: skip
        offer, _ = await in_time(_offer(request))
        try:
            answer = await self._lobby.media.restart(session.peer, offer)
        except TimeoutError:
            raise HttpError(503, "The offer was not answered in time; offer again.") from None
        self._metrics.went_on("restart")
        return Response(answer, media_type="application/sdp")

    async def hangup(self, request: Request) -> Response:
        caller = await self._keys.admit(bearer(request.headers), request.headers)
        session = self._session(request.path_params["id"])
        check_own(caller, session)
        await session.end("hung up")
        return Response(status_code=200)

    async def alive(self, request: Request) -> Response:
        """Says how the call is, and how it ended when it has.

        A connection that breaks before tells its client that this process is gone, seconds before
        the media could.
        """
        caller = await self._keys.admit(bearer(request.headers), request.headers)
        session = self._session(request.path_params["id"])
        check_own(caller, session)

        async def told() -> AsyncGenerator[str]:
            yield "away\n" if session.absence.is_on else "here\n"
            ended = await session.stream.ended()
            yield f"{ended.how}\n"

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(told(), headers=headers, media_type="text/plain")

    async def mint(self, request: Request) -> Response:
        check_operator(await self._keys.admit(bearer(request.headers), request.headers))
        body = json_object(await read_body(request, MOST_BODY))
        after = object_in(body, "expires_after")
        if after.get("anchor", "created_at") != "created_at":
            raise HttpError(
                400, "expires_after.anchor must be \"created_at\".",
                code="invalid_value", param="expires_after.anchor",
            )  # fmt: skip
        seconds: Any = after.get("seconds", 600)
        if isinstance(seconds, bool) or not isinstance(seconds, int) or not 10 <= seconds <= 7200:
            raise HttpError(
                400, "expires_after.seconds must be a whole number from 10 to 7200.",
                code="invalid_value", param="expires_after.seconds",
            )  # fmt: skip
        config = beta.current(object_in(body, "session"))
        agent = _text(body, "agent")
        checked = self._lobby.check(config, agent)
        allowed = Allowed(
            config, _text(body, "user"), object_in(body, "metadata"), agent,
            *(_count(body, name) for name in LIMITS),
        )  # fmt: skip
        value, secret = await self._keys.mint(seconds, allowed, _count(body, "max_uses"))
        shown = checked.effective(fresh("sess"), secret.expires_at)
        told = {"value": value, "expires_at": secret.expires_at, "session": shown}
        return JSONResponse(told | self._relays(secret))

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        lobby = self._lobby
        room = lobby.capacity.room(lobby.live) if lobby.ready else 0
        body = {"ready": lobby.ready, "reason": lobby.reason, "calls": lobby.live, "room": room}
        return JSONResponse(body, 200 if lobby.ready else 503)

    async def figures(self, request: Request) -> Response:
        check_operator(await self._keys.admit(bearer(request.headers), request.headers))
        return Response(self._metrics.exposed(), media_type=CONTENT_TYPE)

    async def refuse(self, request: Request, error: Exception) -> Response:
        """Answer with an error, and count it where a call was wanted."""
        response = await respond(request, error)
        wanted = request.method == "POST" and request.url.path in CALLS
        if wanted and "call_id" not in request.query_params:
            self._metrics.refused(response.status_code)
        return response

    async def console(self, _: Request) -> Response:
        lobby = self._lobby
        trouble = self._trouble()
        if trouble is None and lobby.troubles:
            trouble = {"message": lobby.troubles[0].message}
        return JSONResponse(
            {
                "version": __version__,
                "agents": lobby.agents,
                "engines": [asdict(info) for info in lobby.infos],
                "tries": TRIES,
                "recording": lobby.recordings is not None,
                "auth_required": self._keys.required,
                "media_port": lobby.media.port,
                "error": trouble,
            },
            headers={"Cache-Control": "no-store"},
        )

    async def page(self, request: Request) -> Response:
        """Files of the console; whatever has no file is not found."""
        path: str = request.path_params.get("path", "")
        path = PAGES.get(path, path)
        file = (STATIC / path).resolve()
        if not file.is_relative_to(STATIC) or not file.is_file():
            raise HttpError(404, f"There is nothing at /{path[:100]}.", code="not_found")
        headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
        if path in PAGES.values():
            headers["Cache-Control"] = "no-cache"
        return FileResponse(file, headers=headers)

    def _relays(self, secret: Secret) -> dict[str, Any]:
        """Good until the last call that can begin with the secret has to end, and no longer."""
        limits = self._lobby.limits.within(secret.allowed.max_seconds, None)
        told = self._ice.told(fresh("turn"), secret.expires_at + limits.longest_s)
        return {"ice_servers": told} if told else {}

    def _session(self, id: str) -> Session:
        session = self._lobby.get(id)
        if session is None:
            raise HttpError(404, "There is no such call; it may have ended.", code="call_not_found")
        return session


def create_app(
    lobby: Lobby,
    observed: Observatory,
    secrets: Secrets,
    *,
    key: str | None = None,
    ice: IceServers = NO_ICE_SERVERS,
    trouble: Callable[[], dict[str, Any] | None] = lambda: None,
    bus: Bus | None = None,
) -> Starlette:
    """The ASGI application; whoever made the lobby warms and closes it.

    `bus` leads to the servers beside this one.
    """
    keys, metrics = Keyring(key, secrets), observed.metrics
    gateway = Gateway(lobby, keys, ice, trouble, metrics)
    live = LiveGateway(lobby, keys, metrics.refused)
    calls = "/v1/realtime/calls"
    return Starlette(
        routes=[
            Route(calls, gateway.call, methods=["POST"]),
            # Where the protocol's beta had it; old pages still post there.
            Route("/v1/realtime", gateway.call, methods=["POST"]),
            Route(f"{calls}/{{id}}/hangup", gateway.hangup, methods=["POST"]),
            Route(f"{calls}/{{id}}", gateway.hangup, methods=["DELETE"]),
            Route(f"{calls}/{{id}}", gateway.restart, methods=["PATCH"]),
            Route(f"{calls}/{{id}}/alive", gateway.alive),
            Route("/v1/realtime/client_secrets", gateway.mint, methods=["POST"]),
            WebSocketRoute("/v1/realtime", Sockets(lobby, keys, metrics.refused).serve),
            *live.routes,
            *SteerGateway(lobby, keys, bus).routes,
            *SessionsGateway(lobby, keys, observed.figures, bus).routes,
            Route("/healthz", gateway.health),
            Route("/readyz", gateway.ready),
            Route("/metrics", gateway.figures),
            Route("/console.json", gateway.console),
            Route("/", gateway.page),
            Route("/{path:path}", gateway.page),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                # The keys decide who may call; a browser only needs to be allowed to ask.
                allow_origins=["*"],
                allow_methods=["GET", "POST", "PATCH", "DELETE"],
                allow_headers=["*"],
                expose_headers=["Location", "Retry-After", RESUME],
            )
        ],
        exception_handlers={
            HttpError: gateway.refuse, TalkoverError: gateway.refuse, BadEvent: gateway.refuse,
            OfferError: gateway.refuse,
            HTTPException: _http_exception, Exception: respond,
        },
    )  # fmt: skip


def _answered(session: Session, answer: str) -> Response:
    headers = {"Location": f"/v1/realtime/calls/{session.call_id}", **resumption(session)}
    return Response(answer, 201, headers, media_type="application/sdp")


async def _http_exception(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return await respond(request, HttpError(status, "This path does not take such a request."))


async def _offer(request: Request) -> tuple[str, dict[str, Any]]:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        if int(request.headers.get("content-length") or MOST_BODY + 1) > MOST_BODY:
            raise HttpError(413, "The form is larger than 512 KiB.", code="too_large")
        async with request.form(max_files=2, max_fields=8, max_part_size=MOST_SDP * 4) as form:
            sdp = await _part(form.get("sdp"))
            session = await _part(form.get("session"))
        config = beta.current(json_object(session)) if session else {}
    else:
        sdp, config = await read_body(request, MOST_SDP), {}
    if not sdp.strip():
        raise HttpError(
            400, "The SDP offer is missing: send it as the body, or as the part 'sdp' of a form.",
            code="missing_required_parameter", param="sdp",
        )  # fmt: skip
    try:
        return sdp.decode(), config
    except UnicodeDecodeError:
        raise HttpError(400, "The SDP offer is not UTF-8.", param="sdp") from None


async def _part(part: Any) -> bytes:
    if part is None:
        return b""
    if isinstance(part, str):
        return part.encode()
    return cast(bytes, await part.read())


def _count(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise HttpError(
            400, f"{name} must be a whole number from 1 on.", code="invalid_value", param=name
        )
    return value


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise HttpError(400, f"{name} must be a text.", code="invalid_value", param=name)
    return value
