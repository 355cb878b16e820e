"""A socket that is open and has no session yet, since another process still has it."""

from __future__ import annotations

import asyncio
from collections import deque

from starlette.websockets import WebSocket

from ..errors import TalkoverError
from ..protocol import commands as c
from ..protocol import facts as f
from ..protocol.errors import BadEvent
from ..protocol.text import to_text
from ..session.leg import Dialect
from ..session.lobby import Lobby
from ..session.returning import Returning
from ..session.session import Session
from ..session.waiting import WAITS_S, early

MOST_SOUND = 48_000
"""Bytes kept of what is said on the way: a second of the protocol's own format."""
MOST_PIECES = 500


async def wait(
    socket: WebSocket, lobby: Lobby, back: Returning, codec: Dialect, protocol: str | None = None
) -> tuple[Session, list[c.AppendAudio]] | None:
    """A socket that resumes its session once its client says so, and speaks of nothing before.

    The session, and what was said on the way to it; None where it never came to that, and the
    socket is closed. What forbids it before the socket is accepted is raised.
    """
    with lobby.place_beside(back):
        await lobby.waiting(back)
        await socket.accept(protocol)
        sound = await _until_resumed(socket, codec)
    if sound is None:
        return None
    try:
        return await lobby.resume_at_socket(back), sound
    except TalkoverError as error:
        failed = f.Failed("invalid_request_error", error.code, error.message)
        for event in codec.encode(failed):
            await socket.send_text(to_text(event))
        await socket.close(1013, "the session could not be resumed")
        return None


async def _until_resumed(socket: WebSocket, codec: Dialect) -> list[c.AppendAudio] | None:
    """The last sound that it sent until it said `talkover.resume`; None where it never does, and
    the socket is closed."""
    kept: deque[c.AppendAudio] = deque()
    size = 0
    try:
        async with asyncio.timeout(WAITS_S):
            while (message := await socket.receive())["type"] != "websocket.disconnect":
                try:
                    command = codec.decode(message.get("text") or message.get("bytes") or b"")
                    match command:
                        case c.Resume():
                            return list(kept)
                        case c.AppendAudio(sound):
                            kept.append(command)
                            size += len(sound)
                            while size > MOST_SOUND or len(kept) > MOST_PIECES:
                                size -= len(kept.popleft().sound)
                        case _:
                            raise early(command)
                except BadEvent as error:
                    failed = f.Failed(
                        error.type, error.code, str(error), error.param, error.event_id
                    )
                    for event in codec.encode(failed):
                        await socket.send_text(to_text(event))
    except TimeoutError:
        await socket.close(1013, "nothing was resumed in time")
    return None
