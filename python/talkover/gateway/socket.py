"""Realtime over a WebSocket: a session of its own, another's events (`?call_id=`), or another's
sound as well (`?call_id=…&audio=here`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from starlette.websockets import WebSocket

from ..protocol.realtime import Codec
from ..protocol.text import to_text
from ..session.lobby import Lobby
from ..session.returning import Returning
from ..session.session import Session
from .admission import (
    at_realtime,
    check_operator,
    check_own,
    given,
    resumable,
    resumption,
    spending,
    waits,
)
from .converse import converse
from .errors import HttpError, refusal, shown
from .keys import Caller, Keyring, bearer
from .supervisor import listen
from .waiting import wait

log = structlog.get_logger("talkover.socket")

_KEY = "openai-insecure-api-key."


class Sockets:
    """`refused` is told the HTTP status of each socket that is turned away."""

    def __init__(self, lobby: Lobby, keys: Keyring, refused: Callable[[int], None]) -> None:
        self._lobby, self._keys, self._refused = lobby, keys, refused

    async def serve(self, socket: WebSocket) -> None:
        extensions = socket.query_params.get("extensions") == "talkover"
        offered = [name.strip() for name in socket.scope.get("subprotocols", [])]
        try:
            caller = at_realtime(await self._keys.admit(bearer_of(socket, offered), socket.headers))
            if back := waits(socket.query_params, caller):
                codec = Codec(extensions=extensions, audio_events=True)
                found = await wait(socket, self._lobby, back, codec, _accepted(offered))
                if found is not None:
                    await converse(socket, found[0], codec, own=True, whole=True, before=found[1])
                return
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
        codec = Codec(extensions=extensions, audio_events=own)
        if socket.query_params.get("audio") == "listen":
            await listen(socket, session)
            return
        if own and "call_id" in socket.query_params:
            self._lobby.move_to_socket(session)
        if extensions and back:
            await socket.send_text(to_text(resumable(session)))
        await converse(
            socket, session, codec, own=own, whole=isinstance(caller, Returning),
            gaps=extensions and not own,
        )  # fmt: skip

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
                case "listen":
                    check_operator(caller)
                    return session, False
                case _:
                    raise HttpError(
                        400, "audio can be \"here\", which gives this socket the call's sound, or "
                        "\"listen\", which lets it hear both sides; left out, it sees the call's "
                        "events.", code="invalid_value", param="audio",
                    )  # fmt: skip
        if isinstance(caller, Returning):
            return await self._lobby.resume_at_socket(caller), True
        async with spending(caller, self._keys, self._lobby):
            config: dict[str, Any] = {"model": query["model"]} if "model" in query else {}
            if query.get("intent") == "transcription":
                config["type"] = "transcription"
            session = self._lobby.attach(**given(caller, config, query.get("agent")))
        return session, True


def _accepted(offered: list[str]) -> str | None:
    return "realtime" if "realtime" in offered else None


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
