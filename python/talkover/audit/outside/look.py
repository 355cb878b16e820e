"""Which probes a URL gets, and the report that they add up to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from ..finding import Draft, Report
from .bounds import Bounds, Spent
from .http_probe import http_seen
from .http_rules import http_draft
from .model_probe import model_seen, models_listed
from .model_rules import model_draft
from .seen import SpokenSeen
from .socket_probe import socket_seen
from .socket_rules import socket_draft
from .spoken_rules import spoken_draft
from .webrtc_probe import calls_seen
from .webrtc_rules import calls_draft

Kind = Literal["http", "websocket", "webrtc", "model"]
Talk = Callable[[str], Awaitable[SpokenSeen]]
"""Makes a spoken call to a Realtime server at a base URL, and interrupts it."""

CALLS = "v1/realtime/calls"
CALL_S = 60.0


def kind_of(url: str, model: str | None) -> Kind:
    """What a URL is by its looks (pure); an endpoint that looks like nothing is HTTP."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if parts.scheme in ("ws", "wss"):
        return "websocket"
    if model is not None or path.endswith(("/v1", "/chat/completions")):
        return "model"
    if path.endswith(("/realtime/calls", "/whip", "/offer")) or "/whip/" in path:
        return "webrtc"
    return "http"


async def outside(
    bounds: Bounds,
    url: str,
    *,
    kind: Kind,
    model: str | None,
    data: bytes | None,
    data_kind: str,
    talk: Talk,
) -> Report:
    """The report of one URL; takes no longer than its bounds, whatever the server does."""
    draft = Draft(url, kind)
    try:
        match kind:
            case "websocket":
                draft.add(socket_draft(await socket_seen(bounds, url)))
            case "webrtc":
                await _calls(draft, bounds, url, talk)
            case "model":
                base = url.rstrip("/").removesuffix("/chat/completions")
                await _model(draft, bounds, base, model)
            case "http":
                draft.add(http_draft(await http_seen(bounds, url, data, data_kind)))
                if urlsplit(url).path in ("", "/") and data is None and draft.facts:
                    await _found(draft, bounds, url, talk)
    except (Spent, TimeoutError) as error:
        draft.notes.append(str(error) or "The rest did not answer in time.")
    return draft.report()


async def _found(draft: Draft, bounds: Bounds, url: str, talk: Talk) -> None:
    """What else a server's root may have: one request each asks whether it is there."""
    base = urlunsplit(urlsplit(url)._replace(path="/", query="", fragment=""))
    if await models_listed(bounds, f"{base}v1"):
        await _model(draft, bounds, f"{base}v1", None)
    seen = await calls_seen(bounds, base + CALLS)
    if seen.answers:
        draft.add(calls_draft(seen))
        await _spoken(draft, bounds, base, talk)


async def _calls(draft: Draft, bounds: Bounds, url: str, talk: Talk) -> None:
    seen = await calls_seen(bounds, url)
    draft.add(calls_draft(seen))
    base, found, _ = url.partition(CALLS)
    if seen.answers and found:
        await _spoken(draft, bounds, base, talk)
    elif seen.answers:
        draft.notes.append(
            f"No spoken call was made: only a Realtime server ({CALLS}) tells how to talk to it."
        )


async def _spoken(draft: Draft, bounds: Bounds, base: str, talk: Talk) -> None:
    async with bounds.step(requests=2, seconds=CALL_S):
        draft.add(spoken_draft(base + CALLS, await talk(base)))


async def _model(draft: Draft, bounds: Bounds, base: str, model: str | None) -> None:
    match (model,) if model is not None else await models_listed(bounds, base):
        case (one,):
            draft.add(model_draft(await model_seen(bounds, base, one)))
        case None | ():
            draft.notes.append(f"{base}/models lists nothing; --model names what to measure.")
        case several:
            shown = ", ".join(each[:60] for each in several[:8])
            draft.notes.append(f"{base} has {shown}; --model names the one to measure.")
