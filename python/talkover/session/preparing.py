"""An answer to a turn that may not be over: nobody hears of it before that is sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.commands import ResponseParams
from ..protocol.items import Item, Part
from .account import Stamps
from .brain import Brain
from .conversation import Conversation
from .making import make_brain, make_reply
from .reply import Reply

if TYPE_CHECKING:
    from .session import Session


class Preparing:
    """Belongs to one session, of which it knows one answer at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._made: tuple[Reply, Brain, Conversation] | None = None

    @property
    def replies(self) -> list[Reply]:
        return [] if self._made is None else [self._made[0]]

    def begin(self, epoch: int, words: str) -> None:
        """Think up what would be said if the turn was over with these words."""
        session, utterance = self._session, self._session.hearing.utterance
        if epoch != session.machine.epoch or utterance is None or not self._may:
            return
        talk = session.conversation.fork()
        part = Part("input_audio", transcript=words)
        talk.add(Item(utterance.item, "message", "user", (part,)))
        params = ResponseParams()
        reply = make_reply(
            session, epoch, session.peer_for(params), Stamps(), params,
            conversation=talk, prepared=True,
        )  # fmt: skip
        brain = make_brain(session, params, reply, session.hearing.ear.sound, talk)
        self._made = reply, brain, talk
        reply.start(brain.pieces)

    def take(self) -> tuple[Reply, Brain] | None:
        """The turn was over: the answer, if it is one to the conversation as it became."""
        made, self._made = self._made, None
        if made is None:
            return None
        reply, brain, talk = made
        session = self._session
        if brain.agent is not session.cast.agent or not session.conversation.adopt(talk):
            reply.cancel()
            return None
        return reply, brain

    def drop(self) -> None:
        """It was not over."""
        made, self._made = self._made, None
        if made is not None:
            made[0].cancel()

    @property
    def _may(self) -> bool:
        # An own brain may have effects of its own; it is asked early only where it says so.
        agent = self._session.cast.agent
        return agent.on_reply is None or agent.speculative
