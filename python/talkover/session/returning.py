"""What a session is opened with in the log, and how its caller comes back to it."""

from __future__ import annotations

import hashlib
import math
import secrets
from dataclasses import dataclass, replace
from typing import Any, Self

from pydantic import TypeAdapter

from ..protocol.config import SessionConfig
from ..protocol.live.settings import EVERYTHING, Permissions
from .limits import Limits

PREFIX = "back_"
"""How a token begins, by which it is told from other keys."""
LIMITED = ".live"
"""How one ends whose session limits its page to some of Live's events."""


@dataclass(frozen=True, slots=True)
class Returning:
    """A caller who comes back. `hash` is of their whole token, and all that is kept of it.

    `limited`: only in the Live dialect, which knows what they may say and be told.
    """

    id: str
    hash: bytes
    limited: bool = False

    @classmethod
    def of(cls, token: str) -> Self:
        id, _, _ = token.removeprefix(PREFIX).partition(".")
        return cls(id, hashlib.sha256(token.encode()).digest(), token.endswith(LIMITED))


def fresh_token(id: str, *, limited: bool) -> str:
    """What the caller of a session may come back with, and nobody else knows."""
    return f"{PREFIX}{id}.{secrets.token_urlsafe(24)}{LIMITED if limited else ''}"


@dataclass(frozen=True, slots=True)
class About:
    """All that makes a session but for what is said in it; JSON in the log. Unix seconds."""

    agent: str
    call_id: str
    config: dict[str, Any]
    user: str | None
    metadata: dict[str, Any]
    client_may: tuple[str, ...] | None
    locked: frozenset[str]
    limits: Limits
    began: float
    secret: str | None = None
    """The hash of the client secret that it was begun with."""
    permissions: Permissions = EVERYTHING
    """Of its page, in the Live dialect."""

    @property
    def expires_at(self) -> int:
        return int(self.began) + self.limits.longest_s

    def limits_from(self, now: float) -> Limits:
        """What is left of them."""
        left = math.ceil(self.began + self.limits.longest_s - now)
        return replace(self.limits, longest_s=max(1, left))

    def to_json(self) -> dict[str, Any]:
        return _ABOUT.dump_python(self, mode="json")

    @classmethod
    def of(cls, found: dict[str, Any]) -> About:
        return _ABOUT.validate_python(found)

    def session_config(self, later: dict[str, Any] | None) -> SessionConfig:
        """As it was begun, or as it was set `later`."""
        return SessionConfig.model_validate(later or self.config)


_ABOUT = TypeAdapter(About)
