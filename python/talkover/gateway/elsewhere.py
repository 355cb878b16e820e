"""Requests for what another server has are handed to it, whole, and its answer is handed back.

ASGI on both sides and a channel between: so a call can be hung up, steered, watched and moved
through any server, and a new one begins where there is most room. The caller's media go straight to
the server whose answer it gets.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import Any, cast
from urllib.parse import parse_qs

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..cluster.bus import Bus, Channel
from ..session.lobby import Lobby
from ..session.returning import PREFIX
from .errors import HttpError, refusal, shown

log = structlog.get_logger("talkover.elsewhere")

FIRST_S = 15.0
"""What an answer may take to begin: a body has ten seconds to come."""
CALLS = ("/v1/realtime/calls", "/v1/live/sessions")
_ONE = re.compile(r"/v1/(?:realtime/calls|live/sessions|sessions)/((?:rtc|sess)_[^/]+)")
_CARRIED = (
    "type", "http_version", "method", "scheme", "path", "raw_path", "query_string", "headers",
    "subprotocols",
)  # fmt: skip


NODE = "node"
"""A query that names the server which is to answer."""


class Elsewhere:
    """Wraps the application of a server that is one of several."""

    def __init__(self, app: ASGIApp, bus: Bus, lobby: Lobby) -> None:
        self._app, self._bus, self._lobby = app, bus, lobby
        bus.on_dial(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        node = self._node(scope) if scope["type"] in ("http", "websocket") else None
        if node is None:
            await self._app(scope, receive, send)
            return
        log.debug("a request goes elsewhere", path=scope["path"], node=node)
        await _hand_over(await self._bus.dial(node), scope, receive, send)

    def _node(self, scope: Scope) -> str | None:
        """The server that has what a request is about; None for this one."""
        path, method = scope["path"], scope.get("method")
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if NODE in query:
            named = query[NODE][0]
            return named if named in self._bus.others() else None
        named = _ONE.match(path)
        id = named[1] if named else query.get("call_id", [None])[0]
        if id is not None:
            return None if method == "OPTIONS" else self._lobby.holder(id)
        if path in CALLS and method == "POST" and not _comes_back(scope):
            return self._bus.place(self._lobby.load)
        return None

    async def _answer(self, channel: Channel) -> None:
        """A request that another server handed over."""
        first = await channel.receive()
        if first is None:
            return
        scope: Scope = {
            **_unpack(first), "asgi": {"version": "3.0"}, "client": None, "server": None,
            "root_path": "", "extensions": {"websocket.http.response": {}}, "state": {},
        }  # fmt: skip
        gone: Message = {"type": f"{scope['type']}.disconnect", "code": 1006}

        async def receive() -> Message:
            message = await channel.receive()
            return gone if message is None else _unpack(message)

        async def send(message: Message) -> None:
            await channel.send(_pack(message))

        try:
            await self._app(scope, receive, send)
        finally:
            await channel.close()


async def ask(bus: Bus, request: Request, body: bytes) -> list[dict[str, Any]]:
    """The same request, answered by every other server: the JSON objects of those that could."""

    async def one(node: str) -> dict[str, Any] | None:
        query = f"{request.url.query}&{NODE}={node}".lstrip("&").encode()
        scope: Scope = {**request.scope, "query_string": query}
        given: list[Message] = [{"type": "http.request", "body": body}]
        told: list[Message] = []

        async def receive() -> Message:
            return given.pop() if given else await asyncio.Future()

        async def send(message: Message) -> None:
            told.append(message)

        await _hand_over(await bus.dial(node), scope, receive, send)
        if told[0]["status"] != 200:
            return None
        return json.loads(b"".join(part.get("body", b"") for part in told[1:]))

    answers = await asyncio.gather(*(one(node) for node in bus.others()))
    return [answer for answer in answers if answer is not None]


async def _hand_over(channel: Channel, scope: Scope, receive: Receive, send: Send) -> None:
    up = asyncio.create_task(_carry_up(channel, scope, receive), name="elsewhere: up")
    try:
        await _carry_down(channel, scope, send)
    finally:
        up.cancel()
        await channel.close()


def _comes_back(scope: Scope) -> bool:
    """Whether a token of a session came along, which is claimed wherever it comes to."""
    bearer = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    return bearer.partition(" ")[2].strip().startswith(PREFIX)


async def _carry_up(channel: Channel, scope: Scope, receive: Receive) -> None:
    carried: dict[str, Any] = {name: scope[name] for name in _CARRIED if name in scope}
    carried["headers"] = [list(pair) for pair in scope["headers"]]
    await channel.send(_pack(carried))
    while True:
        message = await receive()
        await channel.send(_pack(message))
        if message["type"].endswith(".disconnect"):
            return


async def _carry_down(channel: Channel, scope: Scope, send: Send) -> None:
    begun = False
    while True:
        try:
            async with asyncio.timeout(None if begun else FIRST_S):
                packed = await channel.receive()
        except TimeoutError:
            packed = None
        if packed is None:
            await _break_off(scope, send, begun)
            return
        begun = True
        message = _unpack(packed)
        try:
            await send(message)
        except OSError:
            return  # the client went away
        if message["type"] == "websocket.close" or _is_last(message):
            return


def _is_last(message: Message) -> bool:
    body = message["type"] in ("http.response.body", "websocket.http.response.body")
    return body and not message.get("more_body")


async def _break_off(scope: Scope, send: Send, begun: bool) -> None:
    """The other server died, or says nothing."""
    error = HttpError(
        503, "The server that has this call does not answer; try again.", code="server_overloaded"
    )
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1012 if begun else 1013})
    elif begun:
        await send({"type": "http.response.body", "body": b""})
    else:
        answer = refusal(*shown(error))
        start: Message = {"type": "http.response.start", "status": answer.status_code}
        await send(start | {"headers": answer.raw_headers})
        await send({"type": "http.response.body", "body": answer.body})


def _pack(message: Message) -> bytes:
    """An ASGI message as JSON; bytes are told from texts by being wrapped."""
    return json.dumps(message, default=_wrapped).encode()


def _wrapped(value: object) -> dict[str, str]:
    if isinstance(value, (bytes, bytearray)):
        return {"b64": base64.b64encode(value).decode()}
    raise TypeError(type(value).__name__)


def _unpack(packed: bytes) -> Message:
    return cast(Message, json.loads(packed, object_hook=_unwrapped))


def _unwrapped(found: dict[str, Any]) -> Any:
    return base64.b64decode(found["b64"]) if found.keys() == {"b64"} else found
