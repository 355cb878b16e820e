"""An HTTP endpoint: three requests, one after the other."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urljoin, urlsplit

import httpx2 as httpx

from .bounds import Bounds, Spent
from .exchange import client, exchange, failed
from .seen import Exchange, HttpSeen

HOPS = 3
REDIRECTS = (301, 302, 303, 307, 308)
FAILURES = (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, Spent, ValueError)


async def http_seen(bounds: Bounds, url: str, data: bytes | None, kind: str) -> HttpSeen:
    """GET it, or POST `data` to it. Never raises for what a server does."""
    exchanges: list[Exchange] = []
    hops: list[Exchange] = []
    method = "GET" if data is None else "POST"
    try:
        async with client(bounds) as kept:
            first = await exchange(kept, bounds, method, url, content=data, kind=kind)
            while (target := _redirected(first)) is not None:
                if not bounds.is_here(target) or len(hops) == HOPS:
                    return HttpSeen(url, hops=tuple(hops), away=target)
                hops.append(first)
                url = target
                first = await exchange(kept, bounds, method, url, content=data, kind=kind)
            exchanges.append(first)
            exchanges.append(await exchange(kept, bounds, method, url, content=data, kind=kind))
        async with client(bounds) as fresh:
            exchanges.append(await exchange(fresh, bounds, method, url, content=data, kind=kind))
    except FAILURES as error:
        failure = failed(error)
    else:
        failure = None
    h2 = await _speaks_h2(bounds, url) if exchanges else None
    return HttpSeen(url, tuple(exchanges), tuple(hops), None, h2, failure)


def _redirected(seen: Exchange) -> str | None:
    # Its value, unlike `header`'s, is one whose case matters.
    location = next((value for key, value in seen.headers if key.lower() == "location"), None)
    if seen.status not in REDIRECTS or location is None:
        return None
    return urljoin(seen.url, location)


async def _speaks_h2(bounds: Bounds, url: str) -> bool | None:
    """Asked by ALPN (RFC 7301), in a handshake after which nothing is sent."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return None
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        async with bounds.step(seconds=5.0):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=context, server_hostname=parts.hostname
            )
    except FAILURES:
        return None
    chosen: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    writer.close()
    return chosen is not None and chosen.selected_alpn_protocol() == "h2"
