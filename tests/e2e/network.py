"""A bad network between a page and a server, for tests that do not run on an event loop."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from e2e.server import Server
from playwright.sync_api import Page, Route

from talkover.testing.relay import Relay
from talkover.testing.weather import Weather


class Network:
    """A relay on a loop of its own; `do` runs there."""

    def __init__(self, relay: Relay, loop: asyncio.AbstractEventLoop) -> None:
        self.relay, self._loop = relay, loop

    def do(self, what: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(what)

    def between(self, page: Page) -> None:
        """The page's calls go through the relay: it is the only address in their first answer."""

        def handle(route: Route) -> None:
            answer = route.fetch()
            route.fulfill(response=answer, body=self.relay.through(answer.text()))

        page.route("**/v1/realtime/calls?*", handle)


@contextmanager
def bad_network(server: Server, weather: Weather | None = None) -> Iterator[Network]:
    port = json.loads(server.get("/console.json"))["media_port"]
    loop = asyncio.new_event_loop()
    ready, done = threading.Event(), asyncio.Event()
    relay = Relay(port, weather, weather, seed=1)

    async def run() -> None:
        with relay:
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield Network(relay, loop)
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()
