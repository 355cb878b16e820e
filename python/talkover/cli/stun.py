"""Whether a STUN or TURN server answers: one Binding request (RFC 8489), which both take unasked
for a password."""

from __future__ import annotations

import secrets
import socket
import struct

COOKIE = 0x2112A442
REQUEST, SUCCESS = 0x0001, 0x0101
TRIES, EACH_S = 3, 0.7
PORT, TLS_PORT = 3478, 5349


def answers(url: str) -> bool:
    """Waits up to two seconds. `url` as in the settings; over TLS only the port is tried."""
    scheme, _, rest = url.partition(":")
    place, _, query = rest.partition("?")
    secure = scheme in ("stuns", "turns")
    host, port = _place(place, TLS_PORT if secure else PORT)
    try:
        if secure or query == "transport=tcp":
            return _over_tcp(host, port, ask=not secure)
        return _over_udp(host, port)
    except OSError:
        return False


def _over_udp(host: str, port: int) -> bool:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(EACH_S)
        asking.connect(address)
        for _ in range(TRIES):
            request = _request()
            asking.send(request)
            try:
                if _fits(asking.recv(2048), request):
                    return True
            except TimeoutError:
                continue
    return False


def _over_tcp(host: str, port: int, *, ask: bool) -> bool:
    with socket.create_connection((host, port), TRIES * EACH_S) as asking:
        if not ask:
            return True
        request = _request()
        asking.sendall(request)
        return _fits(asking.recv(2048), request)


def _request() -> bytes:
    return struct.pack("!HHI", REQUEST, 0, COOKIE) + secrets.token_bytes(12)


def _fits(answer: bytes, request: bytes) -> bool:
    """Whether it is the success that belongs to the request, by its cookie and number."""
    return answer[:2] == struct.pack("!H", SUCCESS) and answer[4:20] == request[4:20]


def _place(place: str, port: int) -> tuple[str, int]:
    host, colon, number = place.rpartition(":")
    if colon and number.isdigit() and (host.endswith("]") or ":" not in host):
        return host.strip("[]"), int(number)
    return place.strip("[]"), port
