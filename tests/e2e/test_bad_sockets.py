"""Frames and clients that no library would make: the one at fault is closed, the rest live on."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import websockets
from e2e.server import Server

pytestmark = pytest.mark.e2e

TEXT, BINARY, CLOSE = 1, 2, 8


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("sockets"))
    yield server
    server.stop()


def address(server: Server) -> str:
    return server.url.replace("http", "ws") + "/v1/realtime?model=x"


class Raw:
    """A WebSocket by hand, so that its frames may be wrong."""

    def __init__(self, server: Server, receive_buffer: int | None = None) -> None:
        parts = urlsplit(server.url)
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(60)
        self.socket.connect((parts.hostname, parts.port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /v1/realtime?model=x HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
        )
        self.head = b""
        while b"\r\n\r\n" not in self.head:
            self.head += self.socket.recv(1)

    def send(self, kind: int, payload: bytes, *, flags: int = 0x80, length: int = -1) -> None:
        size = len(payload) if length < 0 else length
        if size < 126:
            head = struct.pack("!BB", flags | kind, 0x80 | size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", flags | kind, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", flags | kind, 0x80 | 127, size)
        # A mask of zeros leaves the payload as it is.
        self.socket.sendall(head + bytes(4) + payload)

    def frame(self) -> tuple[int, bytes]:
        head = self._exactly(2)
        size = head[1] & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._exactly(8))
        return head[0] & 0x0F, self._exactly(size)

    def closed(self) -> int:
        """The code with which the server closes."""
        while True:
            kind, payload = self.frame()
            if kind == CLOSE:
                return struct.unpack("!H", payload[:2])[0]

    def error(self) -> dict[str, Any]:
        while True:
            event = json.loads(self.frame()[1])
            if event["type"] == "error":
                return event["error"]

    def _exactly(self, size: int) -> bytes:
        got = bytearray()
        while len(got) < size:
            more = self.socket.recv(size - len(got))
            assert more, "the server hung up without a word"
            got += more
        return bytes(got)


def test_no_compression_is_agreed_and_compressed_frames_end_their_connection(
    server: Server,
) -> None:
    raw = Raw(server)
    assert b"permessage-deflate" not in raw.head.lower()
    raw.send(TEXT, b"\x00" * 100, flags=0xC0)
    assert raw.closed() == 1002


def test_invalid_utf_8_ends_a_text_connection_and_is_an_error_in_bytes(server: Server) -> None:
    raw = Raw(server)
    raw.send(BINARY, b'{"type": "\xff"}')
    assert raw.error()["code"] == "invalid_json"
    raw.send(TEXT, b'{"type": "conversation.item.delete", "item_id": "x", "event_id": "e"}')
    assert raw.error()["event_id"] == "e"
    raw.send(TEXT, b'{"type": "\xff"}')
    assert raw.closed() == 1007


def test_a_frame_beyond_all_bounds_is_refused_before_it_comes(server: Server) -> None:
    raw = Raw(server)
    raw.send(TEXT, b"", length=1 << 40)
    assert raw.closed() == 1009


async def test_an_event_of_21_megabytes_is_an_error_and_the_session_lives_on(
    server: Server,
) -> None:
    async with websockets.connect(address(server), max_size=None) as connection:
        await connection.send(json.dumps({"type": "x", "audio": "A" * (21 << 20)}))
        after = {"type": "conversation.item.delete", "item_id": "x", "event_id": "after"}
        await connection.send(json.dumps(after))
        codes: list[Any] = []
        while len(codes) < 2:
            event = json.loads(await asyncio.wait_for(connection.recv(), 20))
            if event["type"] == "error":
                codes.append((event["error"]["code"], event["error"]["event_id"]))
    assert codes == [("string_above_max_length", None), ("item_delete_invalid_item_id", "after")]


async def test_a_client_that_does_not_read_is_let_go_and_memory_stays(server: Server) -> None:
    status = Path(f"/proc/{server.process.pid}/status")

    def rss() -> int:
        return int(status.read_text().split("VmRSS:")[1].split()[0]) // 1024

    raw = Raw(server, receive_buffer=4096)
    sound = base64.b64encode(bytes(3 << 20)).decode()
    part = {"type": "input_audio", "audio": sound, "transcript": ""}
    item = {"id": "big", "type": "message", "role": "user", "content": [part]}
    raw.send(TEXT, json.dumps({"type": "conversation.item.create", "item": item}).encode())
    before = rss()
    for _ in range(200):
        raw.send(TEXT, b'{"type": "conversation.item.retrieve", "item_id": "big"}')
    # 800 MB were asked for; none of them are read.
    for _ in range(400):
        assert rss() < before + 100
        if "the client reads too slowly" in server.log:
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("it was never let go")
    async with websockets.connect(address(server)) as connection:
        assert json.loads(await connection.recv())["type"] == "session.created"
