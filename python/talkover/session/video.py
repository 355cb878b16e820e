"""Pictures both ways: what the caller's camera shows when somebody looks, and what the agent shows.

Nothing is decoded on the way: a picture is a key frame of the caller's video, as WebP.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..media import items as m
from ..values import Image
from .picture import lossy

if TYPE_CHECKING:
    from .session import Session

TURN_S = 0.5
"""An answer waits so long for the picture of its turn."""
REFRESH_S = 1.0


class Video:
    """Belongs to one session. Only on the loop's thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._vision = session.cast.agent.vision
        self._loop = asyncio.get_running_loop()
        self._agreed = m.Video(comes=False, goes=False)
        self._coming: asyncio.Future[Image] | None = None
        self._newest: Image | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def on_request(self) -> bool:
        """The model may ask to see, and there is something to be seen."""
        return self._agreed.comes and self._vision == "on_request"

    def agreed(self, item: m.Video) -> None:
        """The camera was turned on or off, or the call has just begun."""
        self._agreed = item
        self._stop()
        if item.comes and not isinstance(self._vision, str):
            self._refresh(self._vision)
        if (duplex := self._session.duplex) is not None:
            duplex.updated()

    def came(self, item: m.Picture) -> None:
        at = max(0.0, self._session.clock() - item.age)
        image = Image(item.webp, "image/webp", item.width, item.height, at)
        self._newest = image if self._agreed.comes else None
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.set_result(image)

    async def look(self, seconds: float) -> Image | None:
        """What the camera shows now; None where it is off, or no picture comes in time."""
        if not self._agreed.comes or seconds <= 0:
            return None
        if self._coming is None:
            self._coming = self._loop.create_future()
        coming = self._coming
        self._session.peer.look(round(seconds * 1000))
        done, _ = await asyncio.wait((coming,), timeout=seconds)
        return coming.result() if done and not coming.cancelled() else None

    async def of_turn(self) -> Image | None:
        """The picture that the model is given with the turn, as the agent's `vision` has it."""
        if self._vision == "every_turn":
            return await self.look(TURN_S)
        return self._newest if not isinstance(self._vision, str) else None

    async def show(self, image: Image) -> bool:
        """False: this caller has no video to see it on. AgentError for what is no picture."""
        if not self._agreed.goes or self._session.ended:
            return False
        peer = self._session.peer
        try:
            peer.show(image.data)
        except ValueError as error:
            peer.show(await asyncio.to_thread(lossy, image, str(error)))
        return True

    def close(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._agreed.comes or self._session.ended:
            self._newest = None
            if self._coming is not None:
                self._coming.cancel()
                self._coming = None

    def _refresh(self, seconds: float) -> None:
        self._session.peer.look(round(REFRESH_S * 1000))
        self._timer = self._loop.call_later(seconds, self._refresh, seconds)
