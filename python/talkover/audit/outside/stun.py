"""One connectivity check of ICE (RFC 8445 §7.2.2, RFC 8489): how long a candidate takes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import struct
import time
import zlib

COOKIE = 0x2112A442
BINDING, SUCCESS = 0x0001, 0x0101
USERNAME, INTEGRITY, PRIORITY, CONTROLLING, FINGERPRINT = 0x6, 0x8, 0x24, 0x802A, 0x8028
TRIES, EACH_S = 3, 0.5


def check(username: str, password: str, number: bytes) -> bytes:
    """A check as the caller's side makes it; `number` is the transaction's, 12 bytes."""
    fields = _attribute(USERNAME, username.encode())
    fields += _attribute(PRIORITY, struct.pack("!I", 1845501695))
    fields += _attribute(CONTROLLING, secrets.token_bytes(8))
    signed = _header(len(fields) + 24, number) + fields
    fields += _attribute(INTEGRITY, hmac.new(password.encode(), signed, hashlib.sha1).digest())
    whole = _header(len(fields) + 8, number) + fields
    return whole + _attribute(FINGERPRINT, struct.pack("!I", zlib.crc32(whole) ^ 0x5354554E))


async def answer_ms(address: str, port: int, username: str, password: str) -> float | None:
    """The time to the answer of one check; None where none comes in about 1.5 s."""
    loop = asyncio.get_running_loop()
    got = _Answers()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: got, remote_addr=(address, port))
    except OSError:
        return None
    try:
        for _ in range(TRIES):
            number = secrets.token_bytes(12)
            got.wants(number)
            began = time.perf_counter()
            transport.sendto(check(username, password, number))
            try:
                async with asyncio.timeout(EACH_S):
                    await got.arrived.wait()
            except TimeoutError:
                continue
            return (time.perf_counter() - began) * 1000
    finally:
        transport.close()
    return None


class _Answers(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._number = b""

    def wants(self, number: bytes) -> None:
        self._number = number

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[:2] == struct.pack("!H", SUCCESS) and data[8:20] == self._number:
            self.arrived.set()


def _header(length: int, number: bytes) -> bytes:
    return struct.pack("!HHI", BINDING, length, COOKIE) + number


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)
