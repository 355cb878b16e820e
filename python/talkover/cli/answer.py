"""The answer to one question of a caller: which response it is, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from .caller import Caller, CallError, Event

GREETING_S = 1.0
LONGEST_S = 180.0

_MARK = "talkover_call"


class Answer:
    """The first response made after the question; one asked in writing is known by its mark.

    Times are the call's. TimeoutError says that something did not come in time, CallError that
    the call has ended.
    """

    def __init__(
        self, call: Caller, asked: float, mark: str | None = None, since: int | None = None
    ) -> None:
        self.asked = asked
        self._call, self._mark = call, mark
        self._since = len(call.events) if since is None else since

    @property
    def id(self) -> str | None:
        made = self._made()
        return made[1]["response"]["id"] if made else None

    @property
    def _asked(self) -> tuple[int, str | None]:
        """From which event on it is looked for, and by which mark: to whom was cut off, and comes
        back, it is given anew unless all of it was said."""
        events = [event for _, event in self._call.events]
        for n in range(len(events) - 1, self._since - 1, -1):
            if events[n]["type"] == "session.created":
                before = (e for e in events[self._since : n] if e["type"] == "response.done")
                over = any(self._mark in (None, _marked(e["response"])) for e in before)
                return (self._since, self._mark) if over else (n, None)
        return self._since, self._mark

    @property
    def next(self) -> int:
        """The number of the first event that can belong to another answer."""
        made = self._made()
        return self._since if made is None else self._call.events.index(made) + 1

    @property
    def audible_at(self) -> float | None:
        return self._when("output_audio_buffer.started")

    @property
    def errors(self) -> list[str]:
        """What the server complained of since the question."""
        events = self._call.events[self._since :]
        return [event["error"]["message"] for _, event in events if event["type"] == "error"]

    async def made(self, seconds: float) -> None:
        await self._call.until(lambda: self.id is not None, seconds)

    async def audible(self, within: float) -> None:
        """Until it is heard, or is done without a sound; `within` seconds of the question."""
        await self._call.until(
            lambda: self.audible_at is not None or self._done() is not None,
            self.asked + within - self._call.now,
        )

    async def over(self, seconds: float = LONGEST_S) -> Event:
        """Until it is done and nothing of it sounds any more; its `response`."""
        await self._call.until(lambda: self._done() is not None and not self._sounds(), seconds)
        done = self._done()
        assert done is not None
        return done["response"]

    def _made(self) -> tuple[float, Event] | None:
        return self._find("response.created", lambda event: self._is_ours(event["response"]))

    def _is_ours(self, response: Event) -> bool:
        mark = self._asked[1]
        return mark is None or _marked(response) == mark

    def _done(self) -> Event | None:
        id = self.id
        found = self._find("response.done", lambda event: event["response"]["id"] == id)
        return found[1] if found else None

    def _sounds(self) -> bool:
        ended = ("output_audio_buffer.stopped", "output_audio_buffer.cleared")
        audible = self.audible_at
        # A leg that was lost tells of no end any more.
        lost = audible is not None and any(
            at > audible and event["type"] == "session.created" for at, event in self._call.events
        )
        return audible is not None and not lost and all(self._when(t) is None for t in ended)

    def _when(self, type: str) -> float | None:
        id = self.id
        found = self._find(type, lambda event: id is not None and event.get("response_id") == id)
        return found[0] if found else None

    def _find(self, type: str, fits: Callable[[Event], bool]) -> tuple[float, Event] | None:
        for at, event in self._call.events[self._asked[0] :]:
            if event["type"] == type and fits(event):
                return at, event
        return None


def _marked(response: Event) -> str | None:
    metadata: dict[str, str] | None = response.get("metadata")
    return metadata.get(_MARK) if metadata else None


def spoken(response: Event) -> str:
    """The words of a response."""
    parts = [part for item in response["output"] for part in item.get("content", ())]
    return " ".join(str(part.get("transcript") or part.get("text") or "") for part in parts).strip()


async def greeted(call: Caller) -> Answer:
    """Hear a greeting out, where there is one."""
    # It may have begun in the same breath as the call.
    greeting = Answer(call, call.now, since=0)
    await call.wait_for("session.created")
    try:
        await greeting.made(GREETING_S)
        await greeting.over()
    except TimeoutError:
        pass
    return greeting


def asked_in_writing(call: Caller, text: str) -> Answer:
    mark = uuid4().hex
    answer = Answer(call, call.now, mark)
    call.type(text, {_MARK: mark})
    return answer


def asked_aloud(call: Caller, file: Path) -> Answer:
    """The question is over when the file has been played."""
    return Answer(call, call.now + call.play_file(file))


def unasked(call: Caller, previous: Answer) -> Answer:
    """What the agent says by itself after the previous answer, which it may have begun already."""
    return Answer(call, call.now, since=previous.next)


async def heard_out(answer: Answer, within: float) -> Event:
    """The answer's response when it is over; it begins `within` seconds of the question. CallError
    in words."""
    try:
        await answer.audible(within)
    except TimeoutError:
        told = f" The server said: {answer.errors[-1]}" if answer.errors else ""
        raise CallError(f"No answer within {within:g} s.{told}") from None
    try:
        return await answer.over()
    except TimeoutError:
        raise CallError(f"The answer did not end within {LONGEST_S:g} s.") from None
