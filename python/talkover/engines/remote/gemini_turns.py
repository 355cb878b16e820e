"""What Gemini Live sends, as the events of a dialogue (BidiGenerateContentServerMessage). Pure.

It names no items and tells no end of the user's turn: the model's first output after the user's
words is that. Its two transcriptions come in no stated order with the sound that they belong to.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, cast

from ..base import (
    Answered,
    CallsCancelled,
    DialogueEvent,
    Ends,
    Spoken,
    ToolCall,
    UserSpeaks,
    UserTurn,
    UserWords,
)


class Turns:
    """Of one connection, whose `name` begins the names of its items. A message of another shape
    raises KeyError, TypeError, ValueError or AttributeError."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.resume: str | None = None
        """The handle of a session that can be resumed as it is now."""
        self.waiting = False
        """The model has been asked, or speaks: something is to come."""
        self._count = 0
        self._begun = self._sounds = self._cut = self._prompted = False
        self._early = ""
        """Words of an item that has no sound yet."""
        self._heard = ""
        """Words of the user that are not told yet."""
        self._placed: str | None = None
        """The user's item that they belong to."""

    def prompt(self) -> None:
        """The model was asked by other means than the user's voice."""
        self._prompted = self.waiting = True

    def take(self, message: dict[str, Any]) -> Iterator[DialogueEvent]:
        if content := _object(message, "serverContent"):
            yield from self._content(content)
        if calls := _object(message, "toolCall"):
            yield from self._calls(calls["functionCalls"])
        if cancelled := _object(message, "toolCallCancellation"):
            yield CallsCancelled(tuple(str(id) for id in cancelled["ids"]))
        if "goAway" in message:
            left = _object(message, "goAway").get("timeLeft") or "0s"
            yield Ends(float(str(left).removesuffix("s")))
        if update := _object(message, "sessionResumptionUpdate"):
            self.resume = (update.get("newHandle") or None) if update.get("resumable") else None

    def end(self) -> Iterator[DialogueEvent]:
        """It hung up: what the user said is not lost."""
        if self._heard and self._placed is None:
            yield self._place()
        yield from self._tell_words()

    def _content(self, content: dict[str, Any]) -> Iterator[DialogueEvent]:
        heard = _object(content, "inputTranscription")
        self._heard += str(heard.get("text") or "")
        if content.get("interrupted"):
            yield from self._tell_words()
            self._begun = self._sounds = self.waiting = False
            self._cut, self._early = True, ""
            yield UserSpeaks()
        parts: list[dict[str, Any]] = _object(content, "modelTurn").get("parts") or []
        for part in parts:
            sound = _object(part, "inlineData")
            if str(sound.get("mimeType")).startswith("audio/"):
                pcm = base64.b64decode(sound["data"])
                yield from self._say(pcm[: len(pcm) & ~1])
        yield from self._write(str(_object(content, "outputTranscription").get("text") or ""))
        if heard.get("finished"):
            yield from self._tell_words()
        if content.get("generationComplete"):
            yield from self._finish()
        if content.get("turnComplete"):
            yield from self._finish()
            self._cut = False

    @property
    def _item(self) -> str:
        return f"{self._name}_model_{self._count}"

    def _say(self, pcm: bytes) -> Iterator[DialogueEvent]:
        if not self._begun:
            self._count += 1
            self._begun, self._cut = True, False
            yield from self._turn()
            self.waiting = True
        self._sounds = True
        early, self._early = self._early, ""
        yield Spoken(self._item, pcm, early)

    def _write(self, text: str) -> Iterator[DialogueEvent]:
        if not text or self._cut:
            return
        if self._sounds:
            yield Spoken(self._item, text=text)
        else:
            self._early += text

    def _calls(self, calls: list[dict[str, Any]]) -> Iterator[DialogueEvent]:
        yield from self._turn()
        # A tool may go by what the user agreed to.
        yield from self._tell_words()
        # What is said next is no answer to the user's voice.
        self._prompted = True
        for call in calls:
            yield ToolCall(str(call["id"]), str(call["name"]), json.dumps(call.get("args") or {}))

    def _turn(self) -> Iterator[DialogueEvent]:
        """The model takes its turn, so that the user's is over, if there was one."""
        if self._heard or not self._prompted:
            # It may still be heard with what it said before.
            yield UserSpeaks()
            yield self._place()
        self._prompted = self.waiting = False

    def _place(self) -> UserTurn:
        self._placed = f"{self._name}_user_{self._count}"
        return UserTurn(self._placed)

    def _tell_words(self) -> Iterator[DialogueEvent]:
        if self._placed is not None:
            yield UserWords(self._placed, self._heard.strip())
            self._placed, self._heard = None, ""

    def _finish(self) -> Iterator[DialogueEvent]:
        yield from self._tell_words()
        if self._begun or self._cut:
            yield Answered()
        self._begun = self._sounds = self.waiting = False
        self._early = ""


def _object(message: dict[str, Any], name: str) -> dict[str, Any]:
    found: Any = message.get(name)
    return cast("dict[str, Any]", found) if found else {}
