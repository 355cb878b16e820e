"""Every session that is known, live or ended: listed, read and deleted by who runs the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..cluster.base import Opened
from ..cluster.bus import Bus
from ..observe.figures import Figures
from ..session.lobby import Lobby
from ..session.returning import About
from ..session.session import Session
from .admission import check_operator
from .keys import Keyring, bearer

MOST = 1000


class SessionsGateway:
    """`figures` are of live sessions, by their ids; `bus` leads to the other servers."""

    def __init__(
        self, lobby: Lobby, keys: Keyring, figures: Mapping[str, Figures], bus: Bus | None
    ) -> None:
        self._lobby, self._keys, self._figures, self._bus = lobby, keys, figures, bus

    @property
    def routes(self) -> list[Route]:
        path = "/v1/sessions"
        return [
            Route("/v1/nodes", self.nodes, methods=["GET"]),
            Route(path, self.every, methods=["GET"]),
            Route(f"{path}/{{id}}", self.one, methods=["GET"]),
            Route(f"{path}/{{id}}", self.delete, methods=["DELETE"]),
        ]

    async def nodes(self, request: Request) -> Response:
        await self._check(request)
        others = {} if self._bus is None else self._bus.others()
        nodes = {self._lobby.node: self._lobby.load, **others}
        told = [{"object": "node", "id": id, **asdict(load)} for id, load in nodes.items()]
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

    async def _check(self, request: Request) -> None:
        check_operator(await self._keys.admit(bearer(request.headers), request.headers))

    def _line(self, opened: Opened) -> dict[str, Any]:
        about, live = About.of(opened.about), self._lobby.get(opened.id)
        figures = self._figures.get(opened.id)
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
            "figures": None if figures is None else figures.shown(),
        }


def _status(opened: Opened, live: Session | None) -> str:
    if opened.ended is not None:
        return "ended"
    if live is None:
        return "elsewhere"
    return "away" if live.absence.is_on else "live"
