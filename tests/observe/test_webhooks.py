"""Webhooks: signed as the standard says, told once they are taken, and never forgotten."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from talkover.cluster.base import Record
from talkover.cluster.sqlite import SqliteLog
from talkover.errors import ConfigError
from talkover.observe.webhooks import Webhooks
from talkover.protocol import facts as f
from talkover.protocol.items import Item, Part
from talkover.protocol.logged import to_json
from talkover.session.limits import USUAL
from talkover.session.returning import About

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Backend:
    """Somebody's server, which refuses the first `refusals` messages."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.came: list[tuple[bytes, dict[str, str]]] = []
        self.more = asyncio.Event()
        app = Starlette(routes=[Route("/hook", self._take, methods=["POST"])])
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        self._task = asyncio.create_task(self._server.serve([listener]))

    async def _take(self, request: Request) -> Response:
        self.came.append((await request.body(), dict(request.headers)))
        self.more.set()
        return Response(status_code=503 if len(self.came) <= self.refusals else 204)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.came) < count:
                self.more.clear()
                await self.more.wait()

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._task

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body, _ in self.came]


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    made = Backend()
    yield made
    await made.stop()


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    made = SqliteLog(tmp_path / "s.db", "a", tells=True)
    yield made
    await made.shut()


def about() -> dict[str, Any]:
    return About(
        "concierge", "rtc_1", {}, "ann", {"plan": "gold"}, None, frozenset(), USUAL, 1000.0
    ).to_json()


async def call(log: SqliteLog, id: str = "sess_1") -> None:
    """A call with a question and an answer, which has ended."""
    log.open(id, b"", about())
    user = Item("u", "message", "user", (Part("input_audio"),))
    agent = Item("a", "message", "assistant", (Part("output_audio", transcript="Ten o'clock."),))
    facts: list[f.Fact] = [
        f.SessionCreated({}), f.ItemDone(user, None), f.Transcribed("u", "What time is it?", 1.0),
        f.ReplyItemAdded("r", agent, 0, "u", "audio"), f.TurnTimings("r", {"total": 410.0}),
        f.TurnTimings("r", {"total": 420.0}), f.ReplyItemDone("r", agent, 0, "u"),
        f.ReplyDone("r", "completed", None, (agent,), {"input_tokens": 7, "output_tokens": 4}),
        f.Ended("hung up"),
    ]  # fmt: skip
    for number, fact in enumerate(facts, 1):
        log.append(id, 1, Record(number, number, to_json(fact)))
    await log.close(id, 1, "hung up")


def telling(log: SqliteLog, url: str) -> asyncio.Task[None]:
    return asyncio.create_task(Webhooks(log, url, SECRET).run())


async def test_a_call_is_told_of_at_its_start_and_end_signed(
    log: SqliteLog, backend: Backend
) -> None:
    await call(log)
    task = telling(log, backend.url)
    await backend.until(2)
    started, ended = backend.messages
    assert (started["type"], ended["type"]) == ("call.started", "call.ended")
    assert started["data"]["user"] == "ann" and started["data"]["metadata"] == {"plan": "gold"}
    data = ended["data"]
    assert [(line["role"], line["text"]) for line in data["transcript"]] == [
        ("user", "What time is it?"), ("assistant", "Ten o'clock."),
    ]  # fmt: skip
    assert data["reason"] == "hung up" and data["usage"] == {"input_tokens": 7, "output_tokens": 4}
    assert data["silence_ms"] == {"turns": 1, "p50": 420, "p95": 420}
    # Checked by a package that knows the standard and not us.
    client = openai.OpenAI(api_key="x", webhook_secret=SECRET)
    for body, headers in backend.came:
        client.webhooks.verify_signature(body, headers)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        client.webhooks.verify_signature(backend.came[0][0] + b" ", backend.came[0][1])
    task.cancel()


async def test_what_was_not_taken_is_told_again_with_the_same_id(log: SqliteLog) -> None:
    backend = Backend(refusals=1)
    await call(log)
    task = telling(log, backend.url)
    await backend.until(3)
    ids = [headers["webhook-id"] for _, headers in backend.came]
    assert ids.count("sess_1.started") == 2 and ids.count("sess_1.ended") == 1
    task.cancel()
    await backend.stop()


async def test_another_process_tells_what_one_left_untold_and_nothing_twice(
    tmp_path: Path, backend: Backend
) -> None:
    first = SqliteLog(tmp_path / "t.db", "a", tells=True)
    await call(first)
    task = telling(first, "http://127.0.0.1:9/nobody")
    await asyncio.sleep(0)
    task.cancel()
    await first.shut()
    for _ in range(2):
        log = SqliteLog(tmp_path / "t.db", "b", tells=True)
        task = telling(log, backend.url)
        await backend.until(2)
        assert await log.untold("started") == [] or await _later(log)
        task.cancel()
        await log.shut()
    assert len(backend.came) == 2


async def _later(log: SqliteLog) -> bool:
    async with asyncio.timeout(5):
        # A backend has heard before the log knows that it has.
        while await log.untold("started") or await log.untold("ended"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return True


async def test_a_call_that_nobody_began_and_a_server_without_a_webhook_tell_nothing(
    log: SqliteLog, tmp_path: Path
) -> None:
    await log.open("never", b"", about())
    await log.close("never", 1, "the caller never connected")
    assert await log.untold("started") == await log.untold("ended") == []
    quiet = SqliteLog(tmp_path / "q.db", "a")
    await call(quiet)
    assert await quiet.untold("started") == await quiet.untold("ended") == []
    await quiet.shut()


async def test_an_ended_call_is_kept_until_it_was_told(tmp_path: Path, backend: Backend) -> None:
    log = SqliteLog(tmp_path / "k.db", "a", keep_s=0, tells=True)
    await call(log)
    assert [one.id for one in await log.opened()] == ["sess_1"]
    task = telling(log, backend.url)
    await backend.until(2)
    await _later(log)
    await log.untold("ended")
    assert await log.opened() == []
    task.cancel()
    await log.shut()


@pytest.mark.parametrize(
    ("url", "secret", "why"),
    [
        ("ftp://x", SECRET, "https://"),
        ("https://x", None, "--webhook-secret"),
        ("https://x", "whsec_*", "base64"),
    ],
)
async def test_what_cannot_be_used_says_what_to_do(
    log: SqliteLog, url: str, secret: str | None, why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        Webhooks(log, url, secret)
