"""The ICE servers that callers are told of: STUN, and TURN with credentials of their own.

The credentials are those of the "REST API for access to TURN services" (draft-uberti-behave-turn-
rest-00), which coturn knows as `use-auth-secret`: server and relay share a secret, the user name
says until when it is good, and the password proves that we said so. The secret never leaves.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError

_STUN = re.compile(r"stuns?:[^\s/?]+")
_TURN = re.compile(r"turns?:[^\s/?]+(\?transport=(udp|tcp))?")


@dataclass(frozen=True, slots=True)
class IceServers:
    """Which there are; made by `ice_servers`."""

    stun: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()
    secret: str = ""

    def told(self, user: str, until: int) -> list[dict[str, Any]]:
        """As `RTCConfiguration.iceServers` has them, for a `user` until then (Unix seconds)."""
        found: list[dict[str, Any]] = []
        if self.stun:
            found.append({"urls": list(self.stun)})
        if self.turn:
            name = f"{until}:{user}"
            proof = credential(self.secret, name)
            found.append({"urls": list(self.turn), "username": name, "credential": proof})
        return found


NO_ICE_SERVERS = IceServers()


def ice_servers(stun: str | None, turn: str | None, secret: str | None) -> IceServers:
    """From the settings, where commas or spaces part the URLs. ConfigError."""
    if bool(turn) != bool(secret):
        raise ConfigError(
            "--turn-urls and --turn-secret go together: the relay's URLs, and the secret that it "
            "shares with this server (coturn's static-auth-secret)."
        )
    return IceServers(
        _urls(stun, _STUN, "--stun-urls", "stun:stun.example.org:3478"),
        _urls(turn, _TURN, "--turn-urls", "turn:turn.example.org:3478?transport=udp"),
        secret or "",
    )


def credential(secret: str, username: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), username.encode(), "sha1")).decode()


def _urls(given: str | None, form: re.Pattern[str], flag: str, example: str) -> tuple[str, ...]:
    found = tuple(re.split(r"[\s,]+", (given or "").strip(" ,"))) if given else ()
    for url in found:
        if not form.fullmatch(url):
            raise ConfigError(f"{flag}: {url!r} is no such URL; write it as in {example}.")
    return found
