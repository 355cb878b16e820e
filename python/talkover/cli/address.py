"""Which address of this machine is meant, and how it is written."""

from __future__ import annotations

import socket

from ..errors import ConfigError
from ..gateway.keys import LOOPBACK

WILDCARDS = ("0.0.0.0", "::")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    return host in LOOPBACK


def resolved(host: str) -> str:
    """The IP address of a host's name. ConfigError."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0][4][0])
    except OSError:
        raise ConfigError(f"--host {host}: this machine has no such address.") from None


def own_addresses() -> list[str]:
    """This machine's IPv4 addresses off loopback, that of the default route first."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket sends nothing; it only asks for the route.
            probe.connect(("192.0.2.1", 9))
            found.append(probe.getsockname()[0])
        except OSError:
            pass
    try:
        found += socket.gethostbyname_ex(socket.gethostname())[2]
    except OSError:
        pass
    return [a for a in dict.fromkeys(found) if not a.startswith("127.")]


def in_url(host: str) -> str:
    """The host to open a page at: for all addresses, the one that others reach."""
    if host in WILDCARDS:
        return next(iter(own_addresses()), "127.0.0.1")
    return f"[{host}]" if ":" in host else host
