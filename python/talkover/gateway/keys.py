"""Who may call: the server's key, client secrets, and without a key only this machine."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog

from ..cluster.base import LogUnavailable
from ..cluster.secrets import Grant, Secrets
from ..errors import Full, TalkoverError
from ..session.returning import PREFIX, Returning

log = structlog.get_logger("talkover.keys")

SECRET = "ek_"
"""How a client secret begins."""
LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1", "[::1]"))
MOST_SECRETS = 10_000


class Unauthorized(TalkoverError):
    code = "invalid_api_key"


class Forbidden(TalkoverError):
    code = "forbidden"


class ForeignOrigin(Forbidden):
    code = "origin_not_allowed"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a backend allows a client. `session` is its config, `user` and `metadata` whose it is.

    `max_…` are limits of its own, beside the server's: calls at a time, seconds of each, seconds
    of it in which nobody says or writes anything.
    """

    session: dict[str, Any]
    user: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    agent: str | None = None
    max_calls: int | None = None
    max_seconds: int | None = None
    max_idle_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Secret:
    """Reusable until it expires (Unix seconds), or is used up. `hash` is what others know it by."""

    hash: str
    allowed: Allowed
    expires_at: int


@dataclass(frozen=True, slots=True)
class Backend:
    """Whoever has the server's own key."""


Caller = Secret | Backend | Returning | None
"""Who was let in; None: somebody on this machine, where no key is set.

Whether one who comes back is a session's own is for that session to say (`check_own`).
"""


class Keyring:
    """`now` gives Unix seconds. Secrets are in a store, so that they outlive this process and other
    ones know them; while that is away, those that were seen here are known still."""

    def __init__(
        self, key: str | None, secrets: Secrets, now: Callable[[], float] = time.time
    ) -> None:
        self._key, self._store, self._now = key, secrets, now
        self._seen: dict[str, Secret] = {}
        self.making: Counter[str] = Counter()
        """Calls that are being made with each secret."""

    @property
    def required(self) -> bool:
        return self._key is not None

    async def mint(
        self, seconds: int, allowed: Allowed, uses: int | None = None
    ) -> tuple[str, Secret]:
        """A new secret, and what it allows. Full where there are too many."""
        now = self._now()
        self._seen = {h: s for h, s in self._seen.items() if s.expires_at > now}
        if len(self._seen) >= MOST_SECRETS:
            raise Full("Too many client secrets are alive; wait until some expire.")
        value = f"{SECRET}{secrets.token_urlsafe(32)}"
        made = self._seen[hashed(value)] = Secret(hashed(value), allowed, int(now) + seconds)
        try:
            await self._store.put(made.hash, Grant(asdict(allowed), made.expires_at, uses))
        except LogUnavailable as error:
            log.warning("a client secret is known to this server alone", why=error.message)
        return value, made

    async def admit(self, bearer: str | None, headers: Mapping[str, str]) -> Caller:
        """Whose key, or client secret, that is.

        Unauthorized for a wrong or expired one; Forbidden for a website of another origin.
        """
        if bearer is not None and bearer.startswith(PREFIX):
            return Returning.of(bearer)
        if bearer is not None and bearer.startswith(SECRET):
            secret = await self._known(hashed(bearer))
            if secret is None or secret.expires_at <= self._now():
                raise Unauthorized("This client secret is wrong or has expired; mint another.")
            return secret
        if self._key is not None:
            if bearer is None or not hmac.compare_digest(bearer.encode(), self._key.encode()):
                raise Unauthorized(
                    "A key is needed here: send it as 'Authorization: Bearer …', or a client "
                    "secret that was minted with it."
                )
            return Backend()
        check_origin(headers)
        return None

    async def use(self, secret: Secret, count: int = 1) -> None:
        """Count so many calls; -1: one that was counted did not come about. Unauthorized where it
        allows no more. Nobody is kept waiting for a store that is away."""
        try:
            left = await self._store.use(secret.hash, count)
        except LogUnavailable as error:
            log.warning("a use of a client secret was not counted", why=error.message)
            return
        if not left:
            raise Unauthorized("This client secret has been used up; mint another.")

    async def _known(self, hash: str) -> Secret | None:
        if hash not in self._seen:
            found = await self._store.get(hash)
            if found is None:
                return None
            self._seen[hash] = Secret(hash, Allowed(**found.about), found.expires_at)
        return self._seen[hash]


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key that was sent; Azure's clients have a header of their own for it."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    return headers.get("api-key")


def check_origin(headers: Mapping[str, str]) -> None:
    """Without a key any website could reach this server through its visitors' browsers."""
    host = _host(headers.get("host", ""))
    if host not in LOOPBACK:
        raise ForeignOrigin(
            "Without a key this server is for its own machine only; start it with --key to "
            "allow others."
        )
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).hostname not in LOOPBACK:
        raise ForeignOrigin(f"Pages of {origin[:100]} may not call this server without a key.")


def _host(value: str) -> str:
    return urlsplit(f"//{value}").hostname or ""
