"""What a caller may have: by its secret, or by its own word."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from ..errors import Busy, InputError
from ..protocol.ids import fresh
from ..session.lobby import Lobby
from ..session.returning import Returning
from ..session.session import Session
from .keys import Backend, Caller, Forbidden, Keyring, Secret

RESUME = "Talkover-Resume"
"""The header that tells a caller what to come back with."""


def at_realtime(caller: Caller) -> Caller:
    """Forbidden for who comes back to a session that limits its page in Live's words."""
    if isinstance(caller, Returning) and caller.limited:
        raise Forbidden(
            "This session's data channel is limited; come back to it at /v1/live/sessions."
        )
    return caller


def resumable(session: Session) -> dict[str, Any]:
    """The same as `resumption`, as an event: a page cannot see the headers of a socket."""
    told = {"token": session.token, "seconds": session.absence.seconds}
    return {"type": "talkover.resumable", "event_id": fresh("event"), **told}


def resumption(session: Session) -> dict[str, str]:
    """Headers for the caller of a session; who came back knows it already."""
    return {RESUME: session.token} if session.token else {}


def given(caller: Caller, config: dict[str, Any], agent: str | None) -> dict[str, Any]:
    """Arguments of `Lobby.call` and `Lobby.attach`; a secret's session wins over the client's.

    Whoever has the server's key may set everything; whoever has none, what the agent allows.
    Forbidden for who comes back to a session: that is not how to begin one.
    """
    if isinstance(caller, Returning):
        raise Forbidden("This token resumes a session; it cannot begin one.")
    if not isinstance(caller, Secret):
        return {"config": config, "agent": agent, "trusted": isinstance(caller, Backend)}
    return {
        "config": caller.allowed.session,
        "trusted": True,
        "bound": True,
        "agent": caller.allowed.agent or agent,
        "user": caller.allowed.user,
        "metadata": caller.allowed.metadata,
        "longest_s": caller.allowed.max_seconds,
        "idle_s": caller.allowed.max_idle_seconds,
        "secret": caller.hash,
    }


@asynccontextmanager
async def spending(caller: Caller, keys: Keyring, lobby: Lobby) -> AsyncGenerator[None]:
    """Around the making of a session, from when only headers were seen: keeps a place for it, and
    counts one use of a secret unless that fails.

    Full where the server takes no more, Unauthorized or Busy where the secret allows no more.
    """
    with lobby.place():
        if not isinstance(caller, Secret):
            yield
            return
        most = caller.allowed.max_calls or lobby.limits.calls_per_secret
        if lobby.calls_by(caller.hash) + keys.making[caller.hash] >= most:
            raise Busy(f"This client secret has {most} live calls already; end one first.")
        keys.making[caller.hash] += 1
        try:
            await keys.use(caller)
            try:
                yield
            except BaseException:
                await keys.use(caller, -1)
                raise
        finally:
            keys.making[caller.hash] -= 1
            # A secret that nobody calls with is not remembered here.
            keys.making += Counter()


def waits(query: Mapping[str, str], caller: Caller) -> Returning | None:
    """Who asks for a leg that is to wait until they resume, if that is asked for. InputError."""
    match query.get("waiting"):
        case None:
            return None
        case "true" if isinstance(caller, Returning):
            return caller
        case _:
            raise InputError(
                'waiting can be "true", for who comes with a token to resume a session.',
                code="invalid_value",
                param="waiting",
            )


def check_operator(caller: Caller) -> None:
    """Forbidden for all but who runs the server: by its key, or, without one, on its machine."""
    if isinstance(caller, (Secret, Returning)):
        raise Forbidden("Only the server's key opens this.")


def check_own(caller: Caller, session: Session) -> None:
    """Forbidden where a secret, or a token to come back with, is another call's."""
    match caller:
        case Secret():
            own = session.secret == caller.hash
        case Returning():
            own = session.id == caller.id and session.is_resumed_by(caller.hash)
        case _:
            own = True
    if not own:
        raise Forbidden("This client secret belongs to another call.")
