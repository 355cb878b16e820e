"""Who may call: the server's key, client secrets, and without a key only this machine."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..errors import Full, TalkoverError
from ..session.returning import PREFIX, Returning

LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1", "[::1]"))
MOST_SECRETS = 10_000


class Unauthorized(TalkoverError):
    code = "invalid_api_key"


class Forbidden(TalkoverError):
    code = "forbidden"


class ForeignOrigin(Forbidden):
    code = "origin_not_allowed"


@dataclass(slots=True)
class Secret:
    """What a backend allowed a client. Reusable until it expires.

    `max_…` are limits of its own, beside the server's: calls at a time, seconds of each, seconds
    of it in which nobody says or writes anything.
    """

    value: str
    expires_at: int
    session: dict[str, Any]
    user: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    agent: str | None = None
    uses_left: int | None = None
    max_calls: int | None = None
    max_seconds: int | None = None
    max_idle_seconds: int | None = None
    live: set[str] = field(default_factory=set[str])
    making: int = 0

    def use(self) -> None:
        """Count one call. Unauthorized or Full where it has none left."""
        if self.uses_left is not None:
            if self.uses_left <= 0:
                raise Unauthorized("This client secret has been used up; mint another.")
            self.uses_left -= 1

    def give_back(self) -> None:
        """The call that was counted did not come about."""
        if self.uses_left is not None:
            self.uses_left += 1


@dataclass(frozen=True, slots=True)
class Backend:
    """Whoever has the server's own key."""


Caller = Secret | Backend | Returning | None
"""Who was let in; None: somebody on this machine, where no key is set.

Whether one who comes back is a session's own is for that session to say (`check_own`).
"""


class Keyring:
    """`now` gives Unix seconds."""

    def __init__(self, key: str | None, now: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now = now
        self._secrets: dict[str, Secret] = {}

    @property
    def required(self) -> bool:
        return self._key is not None

    def mint(self, seconds: int, session: dict[str, Any], **who: Any) -> Secret:
        """A new secret. Full where there are too many."""
        now = self._now()
        self._secrets = {v: s for v, s in self._secrets.items() if s.expires_at > now}
        if len(self._secrets) >= MOST_SECRETS:
            raise Full("Too many client secrets are alive; wait until some expire.")
        secret = Secret(f"ek_{secrets.token_urlsafe(32)}", int(now) + seconds, session, **who)
        self._secrets[secret.value] = secret
        return secret

    def admit(self, bearer: str | None, headers: Mapping[str, str]) -> Caller:
        """Whose key, or client secret, that is.

        Unauthorized for a wrong or expired one; Forbidden for a website of another origin.
        """
        if bearer is not None and bearer.startswith(PREFIX):
            return Returning.of(bearer)
        if bearer is not None and bearer.startswith("ek_"):
            secret = self._secrets.get(bearer)
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
