"""What a caller may have: by its secret, or by its own word."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from ..errors import Full
from ..session.lobby import Lobby
from ..session.session import Session
from .keys import MOST_LIVE, Backend, Caller, Forbidden, Secret


def given(caller: Caller, config: dict[str, Any], agent: str | None) -> dict[str, Any]:
    """Arguments of `Lobby.call` and `Lobby.attach`; a secret's session wins over the client's.

    Whoever has the server's key may set everything; whoever has none, what the agent allows.
    """
    if not isinstance(caller, Secret):
        return {"config": config, "agent": agent, "trusted": isinstance(caller, Backend)}
    return {
        "config": caller.session,
        "trusted": True,
        "bound": True,
        "agent": caller.agent or agent,
        "user": caller.user,
        "metadata": caller.metadata,
    }


@contextmanager
def spending(secret: Caller, lobby: Lobby) -> Generator[Callable[[Session], None]]:
    """Around the making of a session: counts one use of the secret, unless that fails.

    Gives a function that notes the session as the secret's own. Unauthorized or Full where the
    secret allows no more.
    """
    if not isinstance(secret, Secret):
        yield lambda _: None
        return
    secret.live = {id for id in secret.live if lobby.get(id) is not None}
    if len(secret.live) >= MOST_LIVE:
        raise Full(f"This client secret has {MOST_LIVE} live calls already; end one first.")
    secret.use()
    try:
        yield lambda session: secret.live.add(session.id)
    except BaseException:
        secret.give_back()
        raise


def check_own(caller: Caller, session: Session) -> None:
    """Forbidden where a secret reaches for a call that was not made with it."""
    if isinstance(caller, Secret) and session.id not in caller.live:
        raise Forbidden("This client secret belongs to another call.")
