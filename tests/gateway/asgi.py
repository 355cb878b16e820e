"""An application's client within its own process: requests and sockets without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message

PATIENCE_S = 20.0
Json = dict[str, Any]


def _scope(kind: str, path: str, query: str, token: str | None, **more: Any) -> Json:
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    return {
        "type": kind, "asgi": {"version": "3.0"}, "http_version": "1.1", "path": path,
        "raw_path": path.encode(), "root_path": "", "query_string": query.encode(),
        "headers": headers, "client": None, "server": None, "state": {}, **more,
    }  # fmt: skip


async def post(
    app: ASGIApp, path: str, body: Json, *, query: str = "", token: str | None = None
) -> tuple[int, dict[str, str], Json]:
    """The status, the headers and the JSON of the answer."""
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": json.dumps(body).encode()}

    async def send(message: Message) -> None:
        told.append(message)

    await app(_scope("http", path, query, token, scheme="http", method="POST"), receive, send)
    headers = {name.decode().lower(): value.decode() for name, value in told[0]["headers"]}
    content = b"".join(message.get("body", b"") for message in told[1:])
    return told[0]["status"], headers, json.loads(content)


class Socket:
    """A WebSocket: `send` events, `wait` for others. `closed` is the code that it was closed with;
    `drop` breaks it without a word."""

    def __init__(
        self, app: ASGIApp, path: str, *, query: str = "", token: str | None = None
    ) -> None:
        self.events: list[Json] = []
        self.closed: int | None = None
        self._given: asyncio.Queue[Message] = asyncio.Queue()
        self._given.put_nowait({"type": "websocket.connect"})
        self._more = asyncio.Event()
        scope = _scope("websocket", path, query, token, scheme="ws", subprotocols=[])
        self._serving = asyncio.create_task(app(scope, self._given.get, self._send))

    def send(self, kind: str, **fields: Any) -> None:
        text = json.dumps({"type": kind, **fields})
        self._given.put_nowait({"type": "websocket.receive", "text": text})

    async def drop(self) -> None:
        self._given.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await self._serving

    def of(self, kind: str) -> list[Json]:
        return [event for event in self.events if event["type"] == kind]

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self._more.clear()
                await self._more.wait()

    async def wait(self, kind: str) -> Json:
        """The first event of this kind."""
        await self.until(lambda: self.of(kind))
        return self.of(kind)[0]

    async def _send(self, message: Message) -> None:
        if message["type"] == "websocket.send":
            self.events.append(json.loads(message["text"]))
        elif message["type"] == "websocket.close":
            self.closed = message["code"]
        self._more.set()
