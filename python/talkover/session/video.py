"""Pictures both ways: what the caller's camera shows when somebody looks, and what the agent shows.

Nothing is decoded on the way: a picture is a key frame of the caller's video, as WebP. Only of a
caller who has nothing but H.264 one is decoded, if it is looked at.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from ..errors import ConfigError, InputError
from ..media import items as m
from ..values import Image
from .h264 import decoded
from .picture import lossy

if TYPE_CHECKING:
    from .session import Session

log = structlog.get_logger("talkover.video")

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
        self._blind = False
        """What comes cannot be decoded here."""
        self._coming: asyncio.Future[Image | None] | None = None
        self._newest: Image | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def on_request(self) -> bool:
        """The model may ask to see, and there is something to be seen."""
        return self._visible and self._vision == "on_request"

    @property
    def _visible(self) -> bool:
        return self._agreed.comes and not self._blind

    def agreed(self, item: m.Video) -> None:
        """The camera was turned on or off, or the call has just begun."""
        self._agreed = item
        self._stop()
        if self._visible and not isinstance(self._vision, str):
            self._refresh(self._vision)
        if (duplex := self._session.duplex) is not None:
            duplex.updated()

    def came(self, item: m.Picture) -> None:
        self._show_who_looks(
            Image(item.webp, "image/webp", item.width, item.height, self._taken(item.age))
        )

    def came_undecoded(self, item: m.KeyFrame) -> None:
        self._session.spawn(self._decode(item.h264, self._taken(item.age)), "picture")

    async def _decode(self, h264: bytes, at: float) -> None:
        image = None
        try:
            still = await asyncio.to_thread(decoded, h264)
            image = Image(still.webp, "image/webp", still.width, still.height, at)
        except ConfigError as error:
            self._blind = True
            log.warning("no pictures", session=self._session.id, reason=error.message)
        except InputError as error:
            log.info("no picture", session=self._session.id, reason=error.message)
        self._show_who_looks(image)
        if self._blind:
            self._stop()

    def _taken(self, age: float) -> float:
        return max(0.0, self._session.clock() - age)

    def _show_who_looks(self, image: Image | None) -> None:
        self._newest = image if self._agreed.comes else None
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.set_result(image)

    async def look(self, seconds: float) -> Image | None:
        """What the camera shows now; None where it is off, or no picture comes in time."""
        if not self._visible or seconds <= 0:
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
        """False: this caller has no video to see it on, or none but H.264, which would have to be
        encoded. AgentError for what is no picture."""
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
