"""One server's connection to NATS: who else is there, and channels to them."""

# pyright: reportUnknownMemberType=false
# The client leaves types out of its optional arguments.

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Self, TypeVar

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from ..errors import ConfigError
from .base import LogUnavailable
from .bus import Answer, Channel
from .nodes import Load, Nodes

log = structlog.get_logger("talkover.cluster")

T = TypeVar("T")

LEAST = (2, 12, 5)
"""The oldest server that is taken: before it are CVE-2026-27571 and -27889."""
NODE, CHANNEL = "talkover.node", "talkover.channel"
CONNECT_S = 5.0
BEAT_S = 1.0
TROUBLES = (TimeoutError, NatsError, JetStreamError, OSError)
"""What says that NATS is not there, and nothing of what was asked."""
PIECE = 512 * 1024
"""NATS takes a megabyte at once, if nobody has changed that."""
MOST_WAITING = 32 << 20
"""Bytes that a channel's reader may leave; with more it is over."""
MOST_TOLD = 10_000
"""Messages that wait to be published; with more, the newest are dropped."""
_HEAD = struct.Struct("!cI")
_DIAL, _TAKEN, _MORE, _LAST, _CLOSE = b"d", b"t", b"m", b"e", b"x"


async def sure(work: Awaitable[T]) -> T:
    """Once; LogUnavailable where NATS does not answer."""
    try:
        return await work
    except TROUBLES as error:
        raise LogUnavailable(f"NATS does not answer ({type(error).__name__}).") from None


class NatsLink:
    """`connect` makes one. `load` says what this server carries. Only on the loop's thread."""

    def __init__(self, client: Client, node: str) -> None:
        self.client, self.node = client, node
        self.nodes = Nodes(node)
        self.load: Callable[[], Load] = Load
        self.dropped = 0
        self._handle: Callable[[Channel], Awaitable[None]] | None = None
        self._channels: dict[str, _NatsChannel] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: deque[tuple[str, bytes]] = deque()
        self._telling: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, url: str, node: str) -> Self:
        """`node` names this server, and no other ever. `url`: or several, with commas between, of
        one cluster. ConfigError."""

        async def quiet(_: Exception) -> None:
            """It is seen by whoever asks."""

        client = Client()
        try:
            # It would try for ever, which is right only once it was there.
            async with asyncio.timeout(CONNECT_S):
                await client.connect(
                    url.split(","), name=node, error_cb=quiet, max_reconnect_attempts=-1,
                    reconnect_time_wait=1, allow_reconnect=True,
                )  # fmt: skip
        except (NatsError, OSError, TimeoutError) as error:
            await client.close()
            why = str(error) or "no answer"
            raise ConfigError(f"NATS cannot be reached at {url} ({why}).") from None
        version = client.connected_server_version
        if (version.major, version.minor, version.patch) < LEAST:
            await client.close()
            least = ".".join(map(str, LEAST))
            raise ConfigError(f"The NATS server at {url} is {version}; Talkover needs {least}.")
        made = cls(client, node)
        await client.subscribe(f"{NODE}.*", cb=made._hear)
        await client.subscribe(f"{CHANNEL}.{node}.*", cb=made._take)
        made._begin(made._beat(), "nats: beat")
        return made

    def lives(self, node: str) -> bool:
        return self.nodes.lives(node, time.monotonic())

    def silent_s(self, node: str) -> float:
        return self.nodes.silent_s(node, time.monotonic())

    # ---- the bus -------------------------------------------------------------------------------

    def others(self) -> dict[str, Load]:
        return self.nodes.others(time.monotonic())

    def place(self, own: Load) -> str | None:
        return self.nodes.place(own, time.monotonic())

    async def dial(self, node: str) -> Channel:
        channel = self._channel(node, secrets.token_hex(12))
        # What NATS carries while the other server is not back yet is lost, and nobody would know.
        while not channel.taken.is_set() and self.lives(node):
            await channel.put(_DIAL, self.node.encode())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await channel.taken.wait()
        return channel

    def on_dial(self, handle: Callable[[Channel], Awaitable[None]]) -> None:
        self._handle = handle

    def tell(self, subject: str, message: bytes) -> None:
        if not self.client.is_connected or len(self._told) >= MOST_TOLD:
            self.dropped += 1
            return
        self._told.append((subject, message))
        if self._telling is None or self._telling.done():
            self._telling = self._begin(self._tell(), "nats: tell")

    def answer(self, subject: str, how: Answer) -> Callable[[], None]:
        over = asyncio.Event()

        async def handle(message: Msg) -> None:
            answered = await how(message.data)
            if message.reply:
                await self.publish(message.reply, answered)

        async def answering() -> None:
            with contextlib.suppress(NatsError):
                subscription = await self.client.subscribe(subject, cb=handle)
                await over.wait()
                await subscription.unsubscribe()

        self._begin(answering(), f"nats: {subject}")
        return over.set

    async def publish(self, subject: str, message: bytes) -> bool:
        """Whether it went; what cannot be sent is lost, as on the way."""
        try:
            await self.client.publish(subject, message)
        except NatsError:
            return False
        return True

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        # While NATS is away there is nothing to close.
        with contextlib.suppress(NatsError, OSError):
            await self.client.close()

    # ---- within --------------------------------------------------------------------------------

    def _begin(self, work: Awaitable[None], name: str) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        task.set_name(name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _beat(self) -> None:
        while True:
            load = json.dumps(asdict(self.load())).encode()
            await self.publish(f"{NODE}.{self.node}", load)
            await asyncio.sleep(BEAT_S)

    async def _hear(self, message: Msg) -> None:
        node = message.subject.rpartition(".")[2]
        try:
            load = Load(**json.loads(message.data))
        except (ValueError, TypeError):
            load = Load()
        self.nodes.hear(node, load, time.monotonic())

    async def _tell(self) -> None:
        while self._told:
            if not await self.publish(*self._told.popleft()):
                self.dropped += 1

    async def _take(self, message: Msg) -> None:
        id = message.subject.rpartition(".")[2]
        kind, number = _HEAD.unpack_from(message.data)
        data = message.data[_HEAD.size :]
        if kind != _DIAL:
            if id in self._channels:
                self._channels[id].take(kind, number, data)
        elif self._handle is not None:
            # Who dials lives, though nothing was heard of it while NATS was away.
            node = data.decode()
            self.nodes.see(node, time.monotonic())
            if id not in self._channels:
                channel = self._channel(node, id)
                self._begin(self._handle(channel), f"nats: channel {id}")
            await self._channels[id].put(_TAKEN, b"")

    def _channel(self, node: str, id: str) -> _NatsChannel:
        made = self._channels[id] = _NatsChannel(self, node, id)
        return made

    def forget(self, id: str) -> None:
        self._channels.pop(id, None)


class _NatsChannel:
    """Numbered pieces; a number that is missing ends it."""

    def __init__(self, link: NatsLink, node: str, id: str) -> None:
        self._link, self._node, self._id = link, node, id
        self._sent = self._expected = self._bytes = 0
        self._ready: deque[bytes] = deque()
        self._part = bytearray()
        self._wake = asyncio.Event()
        self._over = False
        self.taken = asyncio.Event()
        """The other server has the channel."""

    async def send(self, message: bytes) -> None:
        view = memoryview(message)
        while len(view) > PIECE:
            await self.put(_MORE, view[:PIECE])
            view = view[PIECE:]
        await self.put(_LAST, view)

    async def put(self, kind: bytes, data: bytes | memoryview) -> None:
        if self._over:
            return
        frame = _HEAD.pack(kind, self._sent) + data
        # What makes the channel is no piece of it.
        self._sent += kind not in (_DIAL, _TAKEN)
        await self._link.publish(f"{CHANNEL}.{self._node}.{self._id}", frame)

    async def receive(self) -> bytes | None:
        while not self._ready and not self._over:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await self._wake.wait()
            self._over = self._over or not self._link.lives(self._node)
        if not self._ready:
            return None
        message = self._ready.popleft()
        self._bytes -= len(message)
        return message

    async def close(self) -> None:
        await self.put(_CLOSE, b"")
        self._end()

    def take(self, kind: bytes, number: int, data: bytes) -> None:
        if kind == _TAKEN:
            self.taken.set()
        if kind == _TAKEN or self._over:
            return
        if kind == _CLOSE or number != self._expected or self._bytes > MOST_WAITING:
            self._end()
            return
        self._expected += 1
        self._part += data
        self._bytes += len(data)
        if kind == _LAST:
            self._ready.append(bytes(self._part))
            self._part.clear()
            self._wake.set()

    def _end(self) -> None:
        self._over = True
        self._link.forget(self._id)
        self._wake.set()
