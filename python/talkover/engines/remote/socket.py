"""A WebSocket to a provider (RFC 6455), and how its errors are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from ...errors import ConfigError, EngineError

CONNECT_S = 3.0
CLOSE_S = 0.02
"""Nobody waits for a provider that does not even say goodbye."""
MOST_BYTES = 16 * 2**20


class Socket(Protocol):
    """What is used of a connection. Raises ConnectionClosed of `websockets`."""

    async def send(self, message: str) -> None: ...
    async def recv(self) -> str | bytes: ...
    async def close(self) -> None: ...


async def dial(url: str, headers: Mapping[str, str], shown: str) -> ClientConnection:
    """Connect. `shown` is the setting that errors name. EngineError."""
    try:
        return await connect(
            url, additional_headers=headers, open_timeout=CONNECT_S, close_timeout=CLOSE_S,
            max_size=MOST_BYTES, compression=None,
        )  # fmt: skip
    except InvalidURI:
        raise ConfigError(f"{shown}: this is no URL; give one such as wss://HOST/PATH.") from None
    except InvalidStatus as error:
        status = error.response.status_code
        hint = "check its key" if status in (400, 401, 403) else "is the address right?"
        raise EngineError(f"{shown} refuses the connection ({status}); {hint}") from None
    except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
        raise EngineError(
            f"{shown} cannot be reached ({type(error).__name__}): is its server running, and is "
            "the URL right?",
            code="engine_unreachable",
        ) from None


@asynccontextmanager
async def dialled(
    url: str, headers: Mapping[str, str], shown: str
) -> AsyncGenerator[ClientConnection]:
    """A connection for the length of the block."""
    socket = await dial(url, headers, shown)
    try:
        yield socket
    finally:
        await socket.close()


async def send(socket: Socket, shown: str, message: Mapping[str, Any]) -> None:
    """One JSON message. EngineError where nobody is there any more."""
    try:
        await socket.send(json.dumps(message))
    except ConnectionClosed as error:
        raise _gone(error, shown) from None


async def receive(
    socket: Socket, shown: str, seconds: float | None = None
) -> dict[str, Any] | None:
    """The next JSON message; None once the other side has closed in good order. EngineError, also
    where nothing comes within `seconds`."""
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            data = await socket.recv()
    except ConnectionClosed as error:
        if error.rcvd is not None and error.rcvd.code in (1000, 1001):
            return None
        raise _gone(error, shown) from None
    except TimeoutError:
        if not deadline.expired():
            raise
        raise EngineError(
            f"{shown} gave nothing for {seconds:g} s in the middle of a turn; look at its "
            "provider, or raise --stall-seconds.",
            code="engine_stalled",
        ) from None
    try:
        message: Any = json.loads(data)
    except ValueError:
        raise EngineError(f"{shown} sent something that is not JSON.") from None
    return cast("dict[str, Any]", message) if isinstance(message, dict) else {}


@contextmanager
def understood(shown: str) -> Generator[None]:
    """Around what takes a message apart: one of another shape is an EngineError."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EngineError(
            f"{shown} sent a message of another shape than is documented "
            f"({type(error).__name__}); is it the right server?"
        ) from None


def _gone(error: ConnectionClosed, shown: str) -> EngineError:
    reason = "" if error.rcvd is None else f": {error.rcvd.code} {error.rcvd.reason}".rstrip()
    return EngineError(f"{shown} closed the connection{reason}.", code="engine_gone")
