"""What an audit needs of an SDP (RFC 8866) and of its candidates (RFC 8839)."""

from __future__ import annotations

import ipaddress
import re

from .seen import Candidate

MOST_LINES = 2000
_CREDENTIAL = re.compile(r"^a=ice-(ufrag|pwd):\S+", re.MULTILINE)


def candidates(sdp: str) -> tuple[Candidate, ...]:
    """Each address once, in its order; lines that are none are passed over."""
    found: dict[Candidate, None] = {}
    for line in sdp.splitlines()[:MOST_LINES]:
        fields = line.split()
        if not line.startswith("a=candidate:") or len(fields) < 8 or not fields[5].isdigit():
            continue
        one = Candidate(fields[4], int(fields[5]) % 65536, fields[2].lower(), fields[7])
        found[one] = None
    return tuple(found)


def credential(sdp: str, name: str) -> str:
    """`ice-ufrag` or `ice-pwd` of the first section; empty where there is none."""
    found = re.search(rf"^a={name}:(\S+)", sdp, re.MULTILINE)
    return found[1] if found else ""


def restarted(offer: str, ufrag: str, password: str) -> str:
    """The same offer with new ICE credentials, which asks for an ICE restart (RFC 8839 §4.4.1)."""
    new = {"ufrag": ufrag, "pwd": password}
    return _CREDENTIAL.sub(lambda found: f"a=ice-{found[1]}:{new[found[1]]}", offer)


def is_private(address: str) -> bool:
    """Whether only some network, or nobody, reaches it from outside."""
    try:
        return not ipaddress.ip_address(address).is_global
    except ValueError:
        return address.endswith(".local") or address == "localhost"


def is_sendable(address: str) -> bool:
    """Whether it is the number of one machine: names are looked up for nobody but the user."""
    try:
        number = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (number.is_multicast or number.is_unspecified or number.is_reserved)
