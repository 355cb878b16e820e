"""Every session that is known, live or ended: listed, read and deleted by who runs the server."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..cluster.base import Opened
from ..session.lobby import Lobby
from ..session.returning import About
from ..session.session import Session
from .admission import check_operator
from .keys import Keyring, bearer

MOST = 1000


class SessionsGateway:
    def __init__(self, lobby: Lobby, keys: Keyring) -> None:
        self._lobby, self._keys = lobby, keys

    @property
    def routes(self) -> list[Route]:
        path = "/v1/sessions"
        return [
            Route(path, self.every, methods=["GET"]),
            Route(f"{path}/{{id}}", self.one, methods=["GET"]),
            Route(f"{path}/{{id}}", self.delete, methods=["DELETE"]),
        ]

    async def every(self, request: Request) -> Response:
        """The newest first."""
        self._check(request)
        known = await self._lobby.known(MOST)
        return JSONResponse({"object": "list", "data": [self._line(opened) for opened in known]})

    async def one(self, request: Request) -> Response:
        """With all that was said in it. NotFound."""
        self._check(request)
        opened, found = await self._lobby.history(request.path_params["id"])
        items = [item.wire() for item in found.conversation.items]
        body = self._line(opened) | {"items": items, "state": found.state, "usage": found.usage}
        return JSONResponse(body)

    async def delete(self, request: Request) -> Response:
        """It ends, if it is live, and nothing of it is kept. NotFound."""
        self._check(request)
        await self._lobby.delete(request.path_params["id"])
        return Response(status_code=204)

    def _check(self, request: Request) -> None:
        check_operator(self._keys.admit(bearer(request.headers), request.headers))

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


def _status(opened: Opened, live: Session | None) -> str:
    if opened.ended is not None:
        return "ended"
    if live is None:
        return "elsewhere"
    return "away" if live.absence.is_on else "live"
