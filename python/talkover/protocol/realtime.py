"""The OpenAI Realtime protocol as a codec: facts to server events, client events to commands."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from . import commands as c
from . import facts as f
from .decoding import decode
from .encoding import encode

Json = dict[str, Any]


class Codec:
    """One leg's view of a session.

    `extensions`: the leg asked for `talkover.*` events. `audio_events`: the leg has no sound of its
    own, so audio goes as events; otherwise it has `output_audio_buffer.*` instead. `operator`: it
    is of who runs the server.
    """

    def __init__(self, *, extensions: bool, audio_events: bool, operator: bool = False) -> None:
        self.extensions, self.audio_events = extensions, audio_events
        self._operator = operator

    @property
    def alike(self) -> Hashable:
        """Legs of one session with the same are told the same."""
        return self.extensions, self.audio_events

    def encode(self, fact: f.Fact, at_ms: int = 0) -> list[Json]:
        """The events that tell `fact`, in order; none where this leg is not told."""
        return encode(fact, at_ms, extensions=self.extensions, audio_events=self.audio_events)

    def decode(self, text: str | bytes) -> c.Command:
        """A client's event. BadEvent says what is wrong with it."""
        return decode(text, operator=self._operator)
