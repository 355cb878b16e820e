"""What a caller may have: by its secret, or by its own word."""

from __future__ import annotations

from typing import Any

from ..errors import Full
from ..session.lobby import Lobby
from .keys import MOST_LIVE, Secret


def given(secret: Secret | None, config: dict[str, Any], agent: str | None) -> dict[str, Any]:
    """Arguments of `Lobby.call` and `Lobby.attach`; a secret's session wins over the client's."""
    if secret is None:
        return {"config": config, "agent": agent}
    return {
        "config": secret.session,
        "trusted": True,
        "agent": secret.agent or agent,
        "user": secret.user,
        "metadata": secret.metadata,
    }


def check_live(secret: Secret, lobby: Lobby) -> None:
    """Full where the secret has as many live calls as it may."""
    secret.live = {id for id in secret.live if lobby.get(id) is not None}
    if len(secret.live) >= MOST_LIVE:
        raise Full(f"This client secret has {MOST_LIVE} live calls already; end one first.")
