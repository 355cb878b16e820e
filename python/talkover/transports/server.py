"""A measured server, in a process of its own: `python -m talkover.transports.server`.

Arguments: KIND LEDGER LATENCY SEED SHORT LONG. KIND is `rest` (both kinds of REST) or `talkover`
(as `talkover serve` runs it), SEED of the engines' dice, SHORT and LONG how many seconds of the
caller's two questions are loud. It says "listens at URL" once it does, and ends with its standard
input.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Generator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ..agent import Agent
from ..cli import serve as serving
from ..config import Settings
from ..session import lobby
from . import request, rest, rest_stream
from .engines import Ear, Model, Voice
from .latencies import LATENCIES
from .ledger import Ledger

KEEP_ALIVE_S = 120
"""Of an idle connection: a caller thinks longer than a page loads."""


async def over_requests(ear: Ear, model: Model, voice: Voice) -> None:
    """Serve REST until SIGTERM."""

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None]:
            yield

    async def here(_: Request) -> PlainTextResponse:
        return PlainTextResponse("here\n")

    agent = request.Agent(ear, model, voice)
    routes = [Route("/", here), rest.route(agent), rest_stream.route(agent)]
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = Server(
        uvicorn.Config(
            Starlette(routes=routes), log_level="warning", lifespan="off",
            timeout_keep_alive=KEEP_ALIVE_S, timeout_graceful_shutdown=1,
        )
    )  # fmt: skip
    print(f"listens at http://127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    await server.serve([listener])


async def over_talkover(ear: Ear, model: Model, voice: Voice) -> None:
    """Serve the Realtime protocol until SIGTERM."""
    engines = lobby.Engines(ear, model, voice)

    # A server knows engines by name or URL; this is where ours, which have neither, get in.
    def build(choice: lobby.Choice, ourselves: int | None = None) -> lobby.Engines:
        return engines

    lobby.build = build
    await serving.serve(Settings(port=0, media_port=0, state="memory"), {"agent": Agent()})


def main() -> None:
    kind, ledger, latency, seed, short, long = sys.argv[1:]
    common = Ledger(Path(ledger)), LATENCIES[latency], int(seed)
    three = Ear(*common, (float(short), float(long))), Model(*common), Voice(*common)
    with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
        asyncio.run(_until_let_go(kind, *three))


async def _until_let_go(kind: str, ear: Ear, model: Model, voice: Voice) -> None:
    loop = asyncio.get_running_loop()
    if kind == "rest":
        task = asyncio.current_task()
        assert task is not None
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    loop.add_reader(sys.stdin.fileno(), _let_go, loop)
    await (over_requests if kind == "rest" else over_talkover)(ear, model, voice)


def _let_go(loop: asyncio.AbstractEventLoop) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        loop.remove_reader(sys.stdin.fileno())
        signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    main()
