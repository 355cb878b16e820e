"""A worker process for what is bound by the CPU; many streams share one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import structlog

from ..errors import EngineError
from .frames import HEAD, MOST, pack

log = structlog.get_logger("talkover.worker")

Handler = Callable[[bytes, bytes], None]
"""(kind, payload); kind b"!" says that the worker is gone."""

START_S = 20.0
END_S = 2.0
"""For a child that was told to end, and for one that was killed."""


class Worker:
    """Runs `python -m module arguments`, and starts it again after it has died.

    The child ends when its standard input does, so it never outlives this process.
    """

    def __init__(self, module: str, *arguments: str, start_s: float | None = None) -> None:
        self._module = module
        self._arguments = arguments
        self._start_s = start_s
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._handlers: dict[int, Handler] = {}
        self._next = 0
        self._starting = asyncio.Lock()
        self._ready = asyncio.Event()
        self._restarting: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """It is ready, and has not ended since."""
        process = self._process
        return process is not None and process.returncode is None and self._ready.is_set()

    @property
    def waiting(self) -> int:
        """Bytes that the child has not taken yet."""
        stdin = None if self._process is None else self._process.stdin
        return 0 if stdin is None else stdin.transport.get_write_buffer_size()

    async def warm(self) -> None:
        """Start the child and wait until it says that it is ready. EngineError, also after
        `close`."""
        async with self._starting:
            if self._process is not None and self._process.returncode is None:
                return
            if not self._closed:
                await self._start()
            if self._closed:
                raise EngineError(f"{self._module} is closed.", code="engine_gone")
            if not self._ready.is_set():
                raise EngineError(f"{self._module} did not start; see its output above.")

    def open(self, handler: Handler) -> int:
        """A stream's number; `handler` gets what the worker says to it."""
        self._next += 1
        self._handlers[self._next] = handler
        return self._next

    def send(self, stream: int, kind: bytes, payload: bytes = b"") -> None:
        """To the worker; where it is gone, the stream hears b"!" and the worker starts again.

        After `close` nothing is sent: streams are still being let go then.
        """
        if self._closed:
            return
        process = self._process
        if process is None or process.returncode is not None or process.stdin is None:
            handler = self._handlers.get(stream)
            if self._restarting is None or self._restarting.done():
                self._restarting = asyncio.create_task(self._restart())
            if handler is not None:
                handler(b"!", b"")
            return
        process.stdin.write(pack(stream, kind, payload))

    @property
    def process(self) -> int | None:
        """The child's number; None where none runs."""
        child = self._process
        return None if child is None or child.returncode is not None else child.pid

    def kill(self) -> None:
        """End a child that is stuck: its streams hear b"!"; `warm` starts another."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def forget(self, stream: int) -> None:
        self._handlers.pop(stream, None)

    async def _restart(self) -> None:
        try:
            await self.warm()
        except EngineError as error:
            log.error("a worker could not be started again", error=error.message)

    async def close(self) -> None:
        """The child is gone then, whoever was just starting it; its streams hear b"!"."""
        self._closed = True
        if self._restarting is not None:
            self._restarting.cancel()
        # Whoever waits for it to be ready gives up with it.
        await self._end()
        async with self._starting:
            await self._end()

    async def _start(self) -> None:
        self._ready.clear()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._module, *self._arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read(self._process))
        if self._closed:
            return  # `close` waits for what was just being made, to end it
        ready = asyncio.create_task(self._ready.wait())
        try:
            # The reader ends with the process: one that dies at its start is not waited for.
            await asyncio.wait(
                (ready, self._reader),
                timeout=self._start_s or START_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            ready.cancel()

    async def _end(self) -> None:
        process, self._process = self._process, None
        reader, self._reader = self._reader, None
        if process is None or reader is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        # The reader knows that it has ended, and tells the streams.
        await asyncio.wait((reader,), timeout=END_S)
        if process.returncode is None:
            process.kill()
            await asyncio.wait((reader,), timeout=END_S)
        reader.cancel()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while True:
                head = await process.stdout.readexactly(HEAD.size)
                size, stream, kind = HEAD.unpack(head)
                payload = await process.stdout.readexactly(size) if size <= MOST else b""
                if kind == b"R":
                    self._ready.set()
                elif stream in self._handlers:
                    self._hear(self._handlers[stream], kind, payload)
        except asyncio.IncompleteReadError:
            await process.wait()
            if self._process is process:
                log.error("a worker ended", module=self._module, code=process.returncode)
            for handler in list(self._handlers.values()):
                self._hear(handler, b"!", b"")

    def _hear(self, handler: Handler, kind: bytes, payload: bytes) -> None:
        """What one stream does with it is not to end the hearing of all."""
        try:
            handler(kind, payload)
        except Exception:
            log.exception("a worker's stream failed", module=self._module)
