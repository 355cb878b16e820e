"""What servers that share a log say to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from .nodes import Load

Answer = Callable[[bytes], Awaitable[bytes]]


class Channel(Protocol):
    """Messages both ways between two servers, in order. One of which any was lost is over."""

    async def send(self, message: bytes) -> None:
        """To the other end, if that still is there."""
        ...

    async def receive(self) -> bytes | None:
        """The next message; None at the end, which is also where the other server died."""
        ...

    async def close(self) -> None: ...


class Bus(Protocol):
    """Nothing here is kept: what has to survive is in the log."""

    @property
    def node(self) -> str:
        """The name of this server."""
        ...

    def others(self) -> dict[str, Load]:
        """The other servers that live."""
        ...

    def place(self, own: Load) -> str | None:
        """The other server that a new call is better with; None for this one."""
        ...

    async def dial(self, node: str) -> Channel:
        """A channel to another server, which `on_dial` gets there."""
        ...

    def on_dial(self, handle: Callable[[Channel], Awaitable[None]]) -> None:
        """Who takes the channels that others dial, each in a task of its own."""
        ...

    def tell(self, subject: str, message: bytes) -> None:
        """Publish to whoever listens; at most once, in order, and dropped while NATS is away."""
        ...

    @property
    def dropped(self) -> int:
        """Of what was to be told, since the start."""
        ...

    def answer(self, subject: str, how: Answer) -> Callable[[], None]:
        """Answer requests on a subject from now on; returns what ends that."""
        ...
