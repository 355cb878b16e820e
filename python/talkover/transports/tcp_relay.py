"""A bad network in user space for TCP: a relay on loopback between clients and a server."""

from __future__ import annotations

import asyncio
from typing import Self

from ..testing.weather import Weather
from .tcp import Stream

HOST = "127.0.0.1"
READ = 16 * 1024
WINDOW = 256 * 1024
"""Bytes on the way in one direction of a connection; a sender waits at more, as at TCP's window."""
CONNECT_S = 5.0


class TcpRelay:
    """`async with TcpRelay(port, up, down, seed=1) as relay`: clients connect to `relay.port`.

    `up` is the way to the server at `port` on loopback. A connection's handshake costs a round trip
    of those delays before anything passes. On the running event loop's thread.
    """

    def __init__(self, port: int, up: Weather, down: Weather, *, seed: int = 0) -> None:
        self._server, self._up, self._down, self._seed = port, up, down, seed
        self._streams: list[Stream] = []
        self._open: set[asyncio.Task[None]] = set()
        self._dark_until = float("-inf")
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._listener = await asyncio.start_server(self._serve, HOST, 0, limit=READ)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def port(self) -> int:
        return self._listener.sockets[0].getsockname()[1]

    @property
    def bytes(self) -> int:
        """On the wire so far, both ways."""
        return sum(stream.bytes for stream in self._streams)

    @property
    def again(self) -> int:
        """Segments that were sent again."""
        return sum(stream.again for stream in self._streams)

    def black_out(self, seconds: float) -> None:
        """Nothing passes either way for so long."""
        self._dark_until = self._loop.time() + seconds
        for stream in self._streams:
            stream.black_out(self._dark_until)

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        try:
            await self._connected(near, back)
        except (OSError, TimeoutError):
            pass  # a client sees its connection closed, as with a server that is not there
        except asyncio.CancelledError:
            pass  # the relay is over; asyncio's server takes a cancelled handler for an error
        finally:
            back.close()

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.connections += 1
        seed = self._seed + 2 * self.connections
        up = Stream(self._up, seed, self._down.delay_ms)
        down = Stream(self._down, seed + 1, self._up.delay_ms)
        self._streams += (up, down)
        for stream in (up, down):
            stream.black_out(self._dark_until)
        # SYN and its answer; the third packet travels with the first bytes.
        asked = up.send(1, self._loop.time())
        await self._until(down.send(1, asked))
        async with asyncio.timeout(CONNECT_S):
            far, out = await asyncio.open_connection(HOST, self._server, limit=READ)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(near, out, up))
                group.create_task(self._pump(far, back, down))
        except* OSError:
            pass  # one end is gone; closing the other tells it
        finally:
            out.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, stream: Stream
    ) -> None:
        """One direction, to its end; each piece is written when it arrives."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WINDOW // READ)

        async def deliver() -> None:
            while True:
                at, data = await waiting.get()
                await self._until(at)
                if not data:
                    if sink.can_write_eof():
                        sink.write_eof()
                    return
                sink.write(data)
                await sink.drain()

        async with asyncio.TaskGroup() as group:
            group.create_task(deliver())
            while data := await source.read(READ):
                await waiting.put((stream.send(len(data), self._loop.time()), data))
            await waiting.put((stream.send(1, self._loop.time()), b""))

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self._loop.time()))
