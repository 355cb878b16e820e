"""Many who watch one session: all are told all, and it is encoded once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from gateway.asgi import PATIENCE_S, Socket
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from talkover import Agent
from talkover.cluster.sqlite import SqliteLog
from talkover.cluster.sqlite_secrets import SqliteSecrets
from talkover.engines.registry import Choice
from talkover.gateway.app import create_app
from talkover.media.port import MediaPort
from talkover.observe.observatory import Observatory
from talkover.protocol import facts as f
from talkover.protocol.realtime import Codec
from talkover.session.encoded import Encoded
from talkover.session.lobby import Lobby
from talkover.session.session import Session
from talkover.session.stream import Entry, FactStream

CLEARED = "input_audio_buffer.cleared"


class Sent:
    """What the sockets of an application are sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.sent: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: Message) -> None:
            if message["type"] == "websocket.send":
                self.sent.append(message["text"])
            await send(message)

        await self._app(scope, receive, noted)


@pytest.fixture
async def watched() -> AsyncIterator[tuple[Sent, Session]]:
    sessions = SqliteLog(None, "here", 3600.0)
    lobby = Lobby(MediaPort("127.0.0.1", 0), {"x": Agent("x")}, Choice(), sessions)
    # Nobody speaks: no engine has to be started.
    lobby.ready = True
    session = lobby.attach(config={})
    session.begin()
    await session.sure()
    yield Sent(create_app(lobby, Observatory(lobby), SqliteSecrets(sessions))), session
    await lobby.close()


async def watching(app: Sent, session: Session, *more: str) -> list[Socket]:
    """Sockets that all have been told of something."""
    sockets = [Socket(app, "/v1/realtime", query=f"call_id={session.id}{extra}") for extra in more]
    async with asyncio.timeout(PATIENCE_S):
        while not all(socket.of(CLEARED) for socket in sockets):
            session.emit(f.InputCleared())
            await asyncio.sleep(0)
    app.sent.clear()
    return sockets


async def told(app: Sent, texts: int) -> None:
    """Once so many were sent."""
    async with asyncio.timeout(PATIENCE_S):
        while len(app.sent) < texts:  # noqa: ASYNC110 - it is sent in its own time
            await asyncio.sleep(0)


async def test_who_is_told_the_same_gets_the_same_text_and_others_their_own(
    watched: tuple[Sent, Session],
) -> None:
    app, session = watched
    extended = "&extensions=talkover"
    await watching(app, session, "", extended, "", extended)
    session.emit(f.InputCleared())
    session.emit(f.Backchannel("mm-hm"))
    await told(app, 6)
    texts = set(app.sent)
    kinds = sorted(json.loads(text)["type"] for text in texts)
    assert kinds == [CLEARED, CLEARED, "talkover.backchannel"], "twice, for two dialects"


async def test_who_cannot_be_told_of_something_is_not_woken_for_it() -> None:
    stream, codec = FactStream(), Codec(extensions=False, audio_events=False)
    encoded = Encoded()
    reader = stream.subscribe(at_once=lambda entry: not encoded.told(codec, entry).frames)
    told: list[list[type]] = []

    async def read() -> None:
        while entries := await reader.batch():
            told.append([type(fact) for _, _, fact in entries])

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    stream.emit(f.Backchannel("mm-hm"), 0)
    assert len(reader) == 0
    stream.emit(f.InputCleared(), 0)
    stream.emit(f.Ended("x", "asked"), 0)
    await reading
    assert told == [[f.InputCleared, f.Ended]]


async def test_what_is_told_at_once_never_overtakes_what_waits() -> None:
    stream, told, room, read_on = FactStream(), list[int](), [True], asyncio.Event()

    def at_once(entry: Entry) -> bool:
        told.extend(entry[:1] if room[0] else ())
        return room[0]

    async def read() -> None:
        while entries := await reader.batch():
            await read_on.wait()
            told.extend(number for number, _, _ in entries)

    reader = stream.subscribe(at_once=at_once)
    stream.emit(f.InputCleared(), 0)
    assert told == [], "its reader may have something to tell before"
    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    stream.emit(f.InputCleared(), 0)
    assert told == [], "a reader that has some in its hands is waited for"
    read_on.set()
    for _ in range(3):
        await asyncio.sleep(0)
    stream.emit(f.InputCleared(), 0)
    assert told == [1, 2, 3]
    room[0] = False
    stream.emit(f.InputCleared(), 0)
    room[0] = True
    stream.emit(f.InputCleared(), 0)
    assert told == [1, 2, 3], "one waits before it"
    stream.emit(f.Ended("x", "asked"), 0)
    await reading
    assert told == [1, 2, 3, 4, 5, 6]


def test_a_gap_is_not_taken_for_the_fact_whose_number_it_has() -> None:
    encoded, codec = Encoded(), Codec(extensions=True, audio_events=False)
    (fact,) = encoded.told(codec, (7, 0, f.InputCleared())).texts
    (gap,) = encoded.told(codec, (7, 0, f.Gap(1, 7))).texts
    assert json.loads(fact)["type"] == CLEARED
    assert json.loads(gap)["type"] != CLEARED
