"""Tells a URL of calls that start and end, signed, until it says that it has heard.

The log knows what is still to be told, so that it is told even where this process dies before. The
form is that of Standard Webhooks (standardwebhooks.com), which OpenAI's packages check as well.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import random
import time
from statistics import quantiles
from typing import Any

import httpx2 as httpx
import structlog

from ..cluster.base import Kept, Kind, SessionLog
from ..errors import ConfigError, TalkoverError
from ..protocol import facts as f
from ..protocol.logged import from_json
from ..protocol.text import to_text
from ..session.past import past
from ..session.returning import About
from ..session.stream import Entry

log = structlog.get_logger("talkover.webhooks")

KINDS: tuple[Kind, ...] = ("started", "ended")
AGAIN_S = (1.0, 300.0)
"""The first wait after a failure, which doubles, and the longest."""
LOOK_S = 30.0
"""What another process left to be told is looked for so often."""
ANSWER_S = 10.0
GIVEN_UP_S = 24 * 3600.0
SECRET = "whsec_"


class Webhooks:
    """`run` is a task of the server's. ConfigError for a URL or a secret that cannot be used."""

    def __init__(self, sessions: SessionLog, url: str, secret: str | None) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"--webhook {url}: give a URL that begins with https:// or http://.")
        if not secret:
            raise ConfigError("--webhook needs --webhook-secret; its messages are signed with it.")
        self._log, self._url, self._key = sessions, url, _key(secret)
        self.waiting = 0
        """Messages that are still to be told, as of the last look."""
        self._wake = asyncio.Event()
        self._failed: dict[tuple[str, Kind], tuple[int, float]] = {}
        """How often, and when it may be tried again (monotonic)."""

    def take(self, entry: Entry) -> None:
        """A fact of any session."""
        if isinstance(entry[2], (f.SessionCreated, f.Ended)):
            self._wake.set()

    async def run(self) -> None:
        async with httpx.AsyncClient(timeout=ANSWER_S) as client:
            while True:
                self._wake.clear()
                try:
                    due: list[tuple[str, Kind]] = [
                        (id, kind) for kind in KINDS for id in await self._log.untold(kind)
                    ]  # fmt: skip
                    self.waiting = len(due)
                    for id, kind in due:
                        await self._tell(client, id, kind)
                except TalkoverError as error:
                    log.warning("webhooks wait for the session log", error=error.message)
                await self._wait()

    async def _wait(self) -> None:
        due = min((at for _, at in self._failed.values()), default=float("inf"))
        left = min(LOOK_S, max(0.0, due - time.monotonic()))
        try:
            async with asyncio.timeout(left):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _tell(self, client: httpx.AsyncClient, id: str, kind: Kind) -> None:
        tries, due = self._failed.get((id, kind), (0, 0.0))
        if due > time.monotonic():
            return
        kept = await self._log.read(id)
        try:
            body = to_text(message(kept, kind))
        except ValueError as error:
            log.error("a session cannot be told of", session=id, kind=kind, error=str(error))
            await self._log.told(id, kind)
            self.waiting -= 1
            return
        trouble = await self._post(client, f"{id}.{kind}", body)
        since = kept.opened.began if kind == "started" else kept.opened.ended or 0.0
        if trouble is None or time.time() - since > GIVEN_UP_S:
            self._failed.pop((id, kind), None)
            await self._log.told(id, kind)
            self.waiting -= 1
            if trouble is not None:
                log.error("a webhook is given up", session=id, kind=kind, error=trouble)
            return
        wait = min(AGAIN_S[1], AGAIN_S[0] * 2**tries) * (0.75 + random.random() / 2)
        self._failed[(id, kind)] = (tries + 1, time.monotonic() + wait)
        if tries == 0:
            log.warning("a webhook was not taken", session=id, kind=kind, error=trouble)

    async def _post(self, client: httpx.AsyncClient, id: str, body: str) -> str | None:
        """None where it was taken, else what was wrong."""
        at = str(int(time.time()))
        headers = {
            "Content-Type": "application/json", "webhook-id": id, "webhook-timestamp": at,
            "webhook-signature": signature(self._key, id, at, body),
        }  # fmt: skip
        try:
            answer = await client.post(self._url, content=body.encode(), headers=headers)
        except httpx.HTTPError as error:
            return type(error).__name__
        return None if answer.is_success else f"HTTP {answer.status_code}"


def signature(key: bytes, id: str, at: str, body: str) -> str:
    """Over the id, the time (Unix seconds) and the body."""
    made = hmac.new(key, f"{id}.{at}.{body}".encode(), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"


def message(kept: Kept, kind: Kind) -> dict[str, Any]:
    """What is told of a session; of one that has ended, all that was said and what it took."""
    opened = kept.opened
    about = About.of(opened.about)
    data: dict[str, Any] = {
        "session_id": opened.id, "call_id": about.call_id, "agent": about.agent,
        "user": about.user, "metadata": about.metadata, "began_at": opened.began,
    }  # fmt: skip
    at = opened.began
    if kind == "ended":
        at = opened.ended or opened.began
        found = past(kept.records)
        data |= {
            "ended_at": at, "reason": opened.reason, "usage": found.usage,
            "transcript": [
                {"role": item.role, "text": item.text, "status": item.status}
                for item in found.conversation.items if item.type == "message"
            ],
            "silence_ms": _silences(kept),
        }  # fmt: skip
    id = f"{opened.id}.{kind}"
    return {"id": id, "type": f"call.{kind}", "created_at": int(at), "data": data}


def _silences(kept: Kept) -> dict[str, Any]:
    """Before answers, as users heard them; the last account of a reply counts."""
    totals: dict[str, float] = {}
    for record in kept.records:
        fact, _ = from_json(record.text)
        if isinstance(fact, f.TurnTimings):
            totals[fact.reply] = fact.timings["total"]
    found = sorted(totals.values())
    if not found:
        return {"turns": 0, "p50": None, "p95": None}
    cuts = quantiles(found, n=20, method="inclusive") if len(found) > 1 else found * 19
    return {"turns": len(found), "p50": round(cuts[9]), "p95": round(cuts[18])}


def _key(secret: str) -> bytes:
    if not secret.startswith(SECRET):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET), validate=True)
    except binascii.Error:
        raise ConfigError("--webhook-secret: what follows whsec_ is not base64.") from None
