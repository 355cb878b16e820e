"""Every session that is known, live or ended: listed, read and deleted by who runs the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..cluster.base import Opened
from ..cluster.nodes import Load
from ..protocol.realtime import Codec
from ..session.lobby import Lobby
from ..session.returning import About
from ..session.session import Session
from ..session.steering import steer
from .admission import check_operator
from .body import in_time, json_object, read_body
from .errors import HttpError
from .keys import Keyring, bearer

MOST = 1000
MOST_EVENTS = 64
MOST_BODY = 512 * 1024


class SessionsGateway:
    """`nodes` gives every server that lives, this one first, and what each carries."""

    def __init__(self, lobby: Lobby, keys: Keyring, nodes: Callable[[], dict[str, Load]]) -> None:
        self._lobby, self._keys, self._nodes = lobby, keys, nodes

    @property
    def routes(self) -> list[Route]:
        path = "/v1/sessions"
        return [
            Route("/v1/nodes", self.nodes, methods=["GET"]),
            Route(path, self.every, methods=["GET"]),
            Route(f"{path}/{{id}}", self.one, methods=["GET"]),
            Route(f"{path}/{{id}}", self.delete, methods=["DELETE"]),
            Route(f"{path}/{{id}}/events", self.steer, methods=["POST"]),
        ]

    async def nodes(self, request: Request) -> Response:
        await self._check(request)
        told = [{"object": "node", "id": id, **asdict(load)} for id, load in self._nodes().items()]
        return JSONResponse({"object": "list", "data": told})

    async def every(self, request: Request) -> Response:
        """The newest first."""
        await self._check(request)
        known = await self._lobby.known(MOST)
        return JSONResponse({"object": "list", "data": [self._line(opened) for opened in known]})

    async def one(self, request: Request) -> Response:
        """With all that was said in it. NotFound."""
        await self._check(request)
        opened, found = await self._lobby.history(request.path_params["id"])
        items = [item.wire() for item in found.conversation.items]
        body = self._line(opened) | {"items": items, "state": found.state, "usage": found.usage}
        return JSONResponse(body)

    async def delete(self, request: Request) -> Response:
        """It ends, if it is live, and nothing of it is kept. NotFound."""
        await self._check(request)
        await self._lobby.delete(request.path_params["id"])
        return Response(status_code=204)

    async def steer(self, request: Request) -> Response:
        """Client events for a live session; tells what was wrong with which."""
        await self._check(request)
        session = self._lobby.get(request.path_params["id"])
        if session is None:
            raise HttpError(404, "There is no such call; it may have ended.", code="call_not_found")
        events = _events(json_object(await in_time(read_body(request, MOST_BODY))))
        codec = Codec(extensions=True, audio_events=False)
        failed = await steer(session, events, codec.decode)
        told = [
            {"event_id": one.event_id, "code": one.code, "message": one.message, "param": one.param}
            for one in failed
        ]
        return JSONResponse({"errors": told})

    async def _check(self, request: Request) -> None:
        check_operator(await self._keys.admit(bearer(request.headers), request.headers))

    def _line(self, opened: Opened) -> dict[str, Any]:
        about, live = About.of(opened.about), self._lobby.get(opened.id)
        return {
            "object": "session",
            "id": opened.id,
            "call_id": about.call_id,
            "status": _status(opened, live),
            "agent": about.agent,
            "user": about.user,
            "metadata": about.metadata,
            "node": opened.node,
            "transport": None if live is None else live.transport,
            "began_at": opened.began,
            "ended_at": opened.ended,
            "reason": opened.reason,
        }


def _events(body: dict[str, Any]) -> list[dict[str, Any]]:
    found: Any = body.get("events")
    if isinstance(found, list) and 1 <= len(events := cast("list[Any]", found)) <= MOST_EVENTS:
        if all(isinstance(event, dict) for event in events):
            return events
    raise HttpError(
        400, f"events must be a list of 1 to {MOST_EVENTS} client events of the protocol.",
        code="invalid_value", param="events",
    )  # fmt: skip


def _status(opened: Opened, live: Session | None) -> str:
    if opened.ended is not None:
        return "ended"
    if live is None:
        return "elsewhere"
    return "away" if live.absence.is_on else "live"
