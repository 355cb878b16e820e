"""Responses outside the conversation, beside whatever else goes on: in writing, or with a playout
of their own whose sound goes out as events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..media import items as m
from ..media.port import Peer
from ..protocol import facts as f
from ..protocol.commands import CreateResponse
from ..protocol.errors import BadEvent
from ..values import Image
from .account import Stamps, TurnEnd
from .making import make_brain, make_reply
from .reply import Reply

if TYPE_CHECKING:
    from .session import Session

MOST = 16
_EPOCH = 1
"""Of its own playout, where it is the only one."""

Attach = Callable[[Callable[[m.Item], None]], Peer]
"""Makes a peer without transport, whose items the function gets."""


class Asides:
    """All of one session's. `attach` makes the playout of one that speaks."""

    def __init__(self, session: Session, attach: Attach) -> None:
        self._session, self._attach = session, attach
        self._live: dict[str, Aside] = {}

    def start(self, command: CreateResponse) -> None:
        """BadEvent where there are too many already."""
        if len(self._live) >= MOST:
            raise BadEvent(
                f"{MOST} responses outside the conversation are in progress; wait for one to end.",
                code="too_many_responses",
                event_id=command.event_id,
            )
        aside = Aside(self._session, command, self._attach, self._forget)
        self._live[aside.reply.id] = aside
        aside.begin()

    def cancel(self, reply: str) -> bool:
        """False: there is no such one."""
        aside = self._live.get(reply)
        if aside is not None:
            aside.end("cancelled", "client_cancelled")
        return aside is not None

    def close(self) -> None:
        for aside in list(self._live.values()):
            aside.end("cancelled", "client_cancelled")

    def _forget(self, reply: str) -> None:
        self._live.pop(reply, None)


class Aside:
    """One of them; the `Desk` of its reply."""

    def __init__(
        self, session: Session, command: CreateResponse, attach: Attach,
        on_end: Callable[[str], None],
    ) -> None:  # fmt: skip
        params = command.params
        self._session, self._on_end = session, on_end
        written = (params.modality or session.config.modality) == "text"
        self._peer = None if written else attach(self._handle)
        # What it thinks up is nobody else's business.
        talk = session.conversation.fork()
        now = session.clock()
        self.reply = make_reply(
            session, _EPOCH, self._peer, Stamps(TurnEnd(now, now)), params,
            conversation=talk, desk=self,
        )  # fmt: skip
        self._brain = make_brain(session, params, self.reply, b"", talk)

    def begin(self) -> None:
        self.reply.start(self._brain.pieces)

    def emit(self, fact: f.Fact) -> None:
        self._session.emit(fact)

    def clock(self) -> float:
        return self._session.clock()

    async def told(self) -> None:
        await self._session.told()

    async def show(self, image: Image) -> bool:
        return await self._session.show(image)

    def reply_made(self, reply: Reply) -> None:
        if not reply.has_sound:
            self.end("completed", None)

    def end(self, status: f.ReplyStatus, reason: str | None, played_ms: int = 0) -> None:
        if self.reply.over.is_set():
            return
        self.reply.close(status, reason, played_ms)
        if self._peer is not None:
            self._peer.close()
        self._on_end(self.reply.id)

    def _handle(self, item: m.Item) -> None:
        match item:
            case m.Started():
                self.reply.stamps.audible = self.clock() - item.age
            case m.Output(_, pcm):
                self.reply.output(pcm)
            case m.Room():
                self.reply.room()
            case m.Stopped(_, played):
                self.end("completed", None, played)
            case _:
                pass
