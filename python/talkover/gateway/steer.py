"""Client events for live sessions over HTTP: for one, or for all of all servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..cluster.bus import Bus
from ..observe.subjects import shown
from ..protocol.realtime import Codec
from ..session.lobby import Lobby
from ..session.session import Session
from ..session.steering import WANTED, events_in, steer
from .admission import check_operator
from .body import in_time, json_object, object_in, read_body
from .elsewhere import NODE, ask
from .errors import HttpError
from .keys import Keyring, bearer

MOST_BODY = 512 * 1024
MOST_ERRORS = 100
Json = dict[str, Any]


class SteerGateway:
    """`bus` leads to the other servers."""

    def __init__(self, lobby: Lobby, keys: Keyring, bus: Bus | None) -> None:
        self._lobby, self._keys, self._bus = lobby, keys, bus

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/v1/sessions/events", self.every, methods=["POST"]),
            Route("/v1/sessions/{id}/events", self.one, methods=["POST"]),
        ]

    async def one(self, request: Request) -> Response:
        """What was wrong with which of them."""
        await self._check(request)
        session = self._lobby.get(request.path_params["id"])
        if session is None:
            raise HttpError(404, "There is no such call; it may have ended.", code="call_not_found")
        events = _events(json_object(await in_time(read_body(request, MOST_BODY))))
        return JSONResponse({"errors": await _do(session, events)})

    async def every(self, request: Request) -> Response:
        """How many sessions were meant, and what was wrong in any of them."""
        await self._check(request)
        body = await in_time(read_body(request, MOST_BODY))
        found = json_object(body)
        events, meant = _events(found), _filter(found)
        sessions = [session for session in self._lobby.sessions if meant(session)]
        errors = [error for one in sessions for error in await _do(one, deepcopy(events))]
        count = len(sessions)
        if self._bus is not None and NODE not in request.query_params:
            for answer in await ask(self._bus, request, body):
                count += answer["sessions"]
                errors += answer["errors"]
        return JSONResponse({"sessions": count, "errors": errors[:MOST_ERRORS]})

    async def _check(self, request: Request) -> None:
        check_operator(await self._keys.admit(bearer(request.headers), request.headers))


async def _do(session: Session, events: list[Json]) -> list[Json]:
    codec = Codec(extensions=True, audio_events=False, operator=True)
    failed = await steer(session, events, codec.decode)
    return [{"session": session.id, **shown(one)} for one in failed]


def _events(body: Json) -> list[Json]:
    events = events_in(body)
    if events is None:
        raise HttpError(400, WANTED, code="invalid_value", param="events")
    return events


def _filter(body: Json) -> Callable[[Session], bool]:
    """Which sessions are meant: by agent, by user, and by each pair of metadata that is named."""
    wanted = object_in(body, "filter")
    unknown = wanted.keys() - {"agent", "user", "metadata"}
    if unknown:
        raise HttpError(
            400, f"filter knows agent, user and metadata, and not {json.dumps(min(unknown))}.",
            code="invalid_value", param="filter",
        )  # fmt: skip
    metadata = object_in(wanted, "metadata")

    def meant(session: Session) -> bool:
        return (
            session.begun
            and wanted.get("agent") in (None, session.agent)
            and wanted.get("user") in (None, session.user)
            and all(session.metadata.get(name) == value for name, value in metadata.items())
        )

    return meant
