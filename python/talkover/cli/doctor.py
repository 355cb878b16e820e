"""Why a call cannot be: by looking at the settings and this machine, and by calling.

What is looked at is pure (settings, addresses, an SDP, two clocks in; findings out); only `before`
and `calling` touch the machine and the network.
"""

from __future__ import annotations

import ipaddress
import resource
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import urljoin, urlsplit

import httpx2 as httpx

from ..config import Settings
from ..gateway.ice import ice_servers
from .address import WILDCARDS, is_loopback, own_addresses
from .caller import Caller, CallError, unreachable
from .certificate import client_context
from .stun import answers

MOST_CLOCK_S = 60.0
"""A clock that is off by more may find certificates and secrets too old, or not valid yet."""
SPARE_FILES = 200
"""Descriptors for all that is not a call."""
LOOK_S = 10.0

Level = Literal["well", "warning", "trouble"]
MARKS: dict[Level, str] = {"well": "ok", "warning": "?", "trouble": "!"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence; a warning or a trouble says what to do."""

    level: Level
    text: str


async def examine(findings: AsyncIterable[Finding]) -> bool:
    """Print them as they come. False: there is a trouble."""
    well = True
    async for finding in findings:
        print(f"{MARKS[finding.level]:4} {finding.text}")
        well = well and finding.level != "trouble"
    return well


async def before(settings: Settings) -> AsyncGenerator[Finding]:
    """What a server with these settings would meet on this machine."""
    yield _port("HTTP port", settings.host, settings.port, "--port", (socket.SOCK_STREAM,))
    media = settings.media_host or settings.host
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    yield _port("media port", media, settings.media_port, "--media-port", kinds)
    for finding in reach(settings, own_addresses()):
        yield finding
    ice = ice_servers(settings.stun_urls, settings.turn_urls, settings.turn_secret)
    for url in (*ice.stun, *ice.turn):
        yield relay(url, answers(url))
    yield files(settings.most_calls, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


async def calling(
    url: str, token: str | None, *, insecure: bool = False
) -> AsyncGenerator[Finding]:
    """What a caller of a running server meets; a trouble that explains all the rest ends it."""
    callers = [Caller(url, token=token, tcp=tcp, insecure=insecure) for tcp in (False, True)]
    url = callers[0].url
    if (secure := microphone(url)) is not None:
        yield secure
    verify = client_context(url, insecure)
    async with httpx.AsyncClient(verify=verify, timeout=LOOK_S) as client:
        try:
            ready = await client.get(urljoin(url, "readyz"))
        except httpx.HTTPError as error:
            yield Finding("trouble", unreachable(url, error))
            return
    if (off := clock(ready.headers.get("date"), time.time())) is not None:
        yield off
    if ready.status_code != 200:
        yield Finding("warning", f"The server is up, and not ready for calls yet: {ready.text}")
    connected: list[bool] = []
    for caller in callers:
        try:
            async with caller:
                connected.append(True)
        except CallError as error:
            if not caller.answer:
                yield Finding("trouble", error.message)
                return
            connected.append(False)
    for finding in advertised(callers[0].answer, url):
        yield finding
    yield media(*connected)


def _port(what: str, host: str, port: int, flag: str, kinds: Sequence[int]) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in kinds:
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                name = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
                return Finding(
                    "trouble",
                    f"The {what} {port} ({name}) of {host} cannot be used ({error.strerror}); stop "
                    f"what has it, or choose another with {flag}.",
                )
    return Finding("well", f"The {what} {port} of {host} is free.")


def reach(settings: Settings, addresses: Sequence[str]) -> Iterator[Finding]:
    """Who can call a server with these settings on a machine with these addresses."""
    if is_loopback(settings.host):
        yield Finding(
            "warning",
            f"--host {settings.host} lets only this machine call; --host 0.0.0.0 lets others.",
        )
        return
    if not settings.tls:
        yield Finding(
            "warning",
            "Browsers give the microphone to https pages and to localhost only: "
            "put a proxy with a certificate in front, or try with --tls.",
        )
    if settings.public_ip is not None:
        yield Finding("well", f"Callers are told to send to {settings.public_ip}.")
        return
    host = settings.media_host or settings.host
    offered = addresses if host in WILDCARDS else (host,)
    if all(_private(address) for address in offered):
        shown = ", ".join(offered) or "none"
        yield Finding(
            "warning",
            f"Callers are told to send to private addresses only ({shown}): "
            "from another network nobody reaches them. Set --public-ip to the address "
            "that the world sees.",
        )
    else:
        yield Finding("well", f"Callers are told to send to {', '.join(offered)}.")


def files(most_calls: int, limit: int) -> Finding:
    """A call over TCP or a WebSocket takes an open file each; one over UDP takes none."""
    needed = most_calls + SPARE_FILES
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return Finding("well", f"Open files are limited to {limit}; {needed} are enough.")
    return Finding(
        "warning",
        f"Open files are limited to {limit}, and {most_calls} calls over TCP or WebSocket need "
        f"{needed}: raise it (ulimit -n {needed}), or lower --most-calls.",
    )


def relay(url: str, answered: bool) -> Finding:
    """A STUN or TURN server that callers are told of."""
    if answered:
        return Finding("well", f"{url} answers.")
    return Finding(
        "warning",
        f"{url} does not answer this machine: look whether it runs and whether a firewall lets "
        "its port through; callers who need it will not get through by it.",
    )


def microphone(url: str) -> Finding | None:
    """A page that is neither https nor localhost has no microphone."""
    parts = urlsplit(url)
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        return None
    return Finding(
        "trouble",
        f"{url} is not https: browsers give its page no microphone. Serve with --tls, or put a "
        "proxy with a certificate in front.",
    )


def clock(date: str | None, now: float) -> Finding | None:
    """The server's clock (an HTTP date) against ours (seconds since 1970)."""
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return None
    off = now - theirs
    if abs(off) <= MOST_CLOCK_S:
        return None
    way = "ahead of" if off > 0 else "behind"
    return Finding(
        "trouble",
        f"This machine's clock is {abs(off):.0f} s {way} the server's: certificates and client "
        "secrets seem too old or not valid yet. Set both by NTP.",
    )


def advertised(answer: str, url: str) -> Iterator[Finding]:
    """The addresses in a server's answer, for a caller who reached it at `url`."""
    fields = [line.split() for line in answer.splitlines() if line.startswith("a=candidate:")]
    addresses = dict.fromkeys(line[4] for line in fields)
    if not addresses:
        yield Finding("trouble", "The server's answer names no address to send to.")
        return
    host = urlsplit(url).hostname or ""
    if is_loopback(host) or _private(host):
        return
    if all(_private(address) for address in addresses):
        yield Finding(
            "trouble",
            f"The server tells callers to send to {', '.join(addresses)}, which "
            f"only its own network reaches. Serve with --public-ip {host} (the number), "
            "and forward the media port to it.",
        )


def media(udp: bool, tcp: bool) -> Finding:
    """Whether calls connected over each."""
    match udp, tcp:
        case True, True:
            return Finding("well", "Calls connect over UDP and over TCP.")
        case True, False:
            return Finding(
                "warning",
                "Calls connect over UDP; over TCP they do not: open the media "
                "port for TCP too, for callers whose network blocks UDP.",
            )
        case False, True:
            return Finding(
                "warning",
                "UDP is blocked on the way, calls connect over TCP: open the "
                "media port for UDP, for sound without stalls where packets are lost.",
            )
        case _:
            return Finding(
                "trouble",
                "Neither UDP nor TCP reaches the media port: open it in the "
                "firewall, and forward it where there is a NAT.",
            )


def _private(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address).is_global
    except ValueError:
        return address.endswith(".local")
