"""What came of a scripted conversation: who was heard when, and everything that was told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from typing import Any

from ..protocol import facts as f
from ..protocol.ids import seeded
from ..protocol.realtime import Codec
from ..session.stream import Entry
from ..values import Image
from .caller import Done
from .script import Step
from .timeline import timeline

FALLEN_DB = 12
"""A voice that falls so far leaves the floor to the caller."""


@dataclass(slots=True)
class ToolUse:
    """A tool call; `phase` "done" or "failed"; `output` is what the model was shown."""

    name: str
    arguments: dict[str, Any]
    phase: str = "started"
    output: str | None = None


@dataclass(slots=True)
class Answer:
    """One reply of the agent: `made` when it was begun, `began` and `ended` when it was audible.

    Times are seconds of the call; None: it was never audible.

    `asked` is what the user had said or typed, "" where the agent spoke unasked. `heard` is what of
    `said` the user heard. `timings` are the milliseconds of the silence before it, by stage.
    """

    id: str
    made: float = 0.0
    asked: str = ""
    said: str = ""
    heard: str = ""
    status: str = "in_progress"
    began: float | None = None
    ended: float | None = None
    timings: dict[str, float] = field(default_factory=dict[str, float])
    tools: list[ToolUse] = field(default_factory=list[ToolUse])
    error: str | None = None

    @property
    def interrupted(self) -> bool:
        return self.status == "cancelled" and self.began is not None


@dataclass(frozen=True, slots=True)
class Heard:
    """A stretch of the agent's voice as the caller heard it: seconds, dB of full scale."""

    begin: float
    end: float
    level: int


class Result:
    """Of one run. `str(result)` draws it; say `assert …, result` to see it where a test fails."""

    def __init__(
        self,
        seed: int,
        entries: list[Entry],
        done: list[Done],
        sound: list[tuple[int, int, int]],
        seen: list[tuple[int, bytes]],
        messages: list[dict[str, Any]],
        left: list[str],
    ) -> None:
        self.seed = seed
        self.entries = _timed_by_the_clock(entries)
        """(number, ms, fact), all of them, in order."""
        self.done = done
        self.sound = [Heard(begin / 1000, end / 1000, level) for begin, end, level in sound]
        self.shown = [Image(webp, at=ms / 1000) for ms, webp in seen]
        """The pictures that the caller was shown, with the second of each in `at`."""
        self.messages = messages
        """The conversation as the model would see it next, cut to what was heard."""
        self.tasks_left = left
        """Names of the tasks that ran on after the end of the call."""
        self.failures: list[str] = []
        """What did not come as a TOML script expects."""
        self.replies = _replies(self.entries)
        """All that the agent said, asked or unasked, heard or not."""

    @property
    def turns(self) -> list[Answer]:
        """The answers to what the user said, but for those of which nobody heard a word."""
        return [r for r in self.replies if r.asked and not _unheard(r)]

    @property
    def unasked(self) -> list[Answer]:
        """The greeting, timers, `session.say`."""
        return [r for r in self.replies if not r.asked and not _unheard(r)]

    @property
    def facts(self) -> list[f.Fact]:
        return [fact for _, _, fact in self.entries]

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What a Realtime client would have got, extensions included."""
        codec = Codec(extensions=True, audio_events=False)
        with seeded(self.seed):
            return [event for _, ms, fact in self.entries for event in codec.encode(fact, ms)]

    @property
    def tools(self) -> list[ToolUse]:
        return [tool for reply in self.replies for tool in reply.tools]

    @property
    def backchannels(self) -> list[str]:
        """What the user said over the agent without taking the turn."""
        return [fact.text for fact in self.facts if isinstance(fact, f.Backchannel)]

    @property
    def data(self) -> list[tuple[str, Any]]:
        """What `session.send` sent."""
        return [(fact.name, fact.data) for fact in self.facts if isinstance(fact, f.App)]

    @property
    def errors(self) -> list[str]:
        return [fact.message for fact in self.facts if isinstance(fact, f.Failed)]

    @property
    def ended(self) -> str:
        """Why the call ended."""
        return next((fact.reason for fact in self.facts if isinstance(fact, f.Ended)), "")

    # ---- measures ------------------------------------------------------------------------------

    def did(self, step: Step) -> bool:
        """Whether the conversation got so far."""
        return any(done.step is step for done in self.done)

    def began(self, step: Step) -> float:
        return self._of(step).began

    def finished(self, step: Step) -> float:
        return self._of(step).ended

    def silence_after(self, step: Step) -> float:
        """Seconds from the step's beginning until what the agent was saying was over for good.

        0 where it was silent anyway.
        """
        began = self.began(step)
        return max((heard.end - began for heard in self._going_on(began)), default=0.0)

    def quieter_after(self, step: Step) -> float:
        """Seconds from the step's beginning until the agent's voice had fallen by 12 dB, or was
        over."""
        began = self.began(step)
        voice = self._going_on(began)
        before = next((h.level for h in voice if h.begin <= began), None)
        fallen = (
            heard.begin - began
            for heard in voice
            if before is not None and heard.level <= before - FALLEN_DB
        )
        return max(0.0, next(fallen, self.silence_after(step)))

    def answer_after(self, step: Step) -> float | None:
        """Seconds from the step's end until the agent began to speak; None: it did not."""
        ended = self.finished(step)
        begun = [reply.began for reply in self.replies if reply.began is not None]
        return next((began - ended for began in begun if began >= ended), None)

    # ---- to look at ----------------------------------------------------------------------------

    def log(self) -> bytes:
        """All facts as lines of JSON: the same script and seed give the same bytes."""
        lines = (
            json.dumps([number, ms, type(fact).__name__, _plain(fact)], sort_keys=True, default=str)
            for number, ms, fact in self.entries
        )
        return "".join(line + "\n" for line in lines).encode()

    def __str__(self) -> str:
        return timeline(self)

    __repr__ = __str__

    def _going_on(self, began: float) -> list[Heard]:
        """The agent's voice from then on, up to its next reply."""
        later = (r.began for r in self.replies if r.began is not None and r.began > began)
        until = min(later, default=float("inf"))
        return [heard for heard in self.sound if heard.end > began and heard.begin < until]

    def _of(self, step: Step) -> Done:
        for done in self.done:
            if done.step is step:
                return done
        raise ValueError(f'"{step}" was never done.')


def _unheard(reply: Answer) -> bool:
    """Cut off before a word of it was heard: as if it had never been."""
    silent = reply.began is None or (reply.said != "" and reply.heard == "")
    return reply.status == "cancelled" and silent


def _replies(entries: list[Entry]) -> list[Answer]:
    """The replies, from the facts alone."""
    found: dict[str, Answer] = {}
    items: dict[str, list[str]] = {}
    words: dict[str, str] = {}
    waiting: list[str] = []
    running: dict[str, ToolUse] = {}
    latest: Answer | None = None
    for _, ms, fact in entries:
        match fact:
            case f.Committed(item):
                waiting.append(item)
            case f.ItemAdded(item) if item.role == "user" and item.id not in waiting:
                waiting.append(item.id)
                words[item.id] = item.text
            case f.Transcribed(item, text):
                words[item] = text
            case f.ReplyCreated(reply):
                latest = found[reply] = Answer(reply, ms / 1000)
                items[reply], waiting = waiting, []
            case f.AudioStarted(reply):
                found[reply].began = ms / 1000
            case f.AudioStopped(reply) | f.AudioCleared(reply):
                found[reply].ended = ms / 1000
            case f.TurnTimings(reply, timings):
                found[reply].timings = timings
            case f.Heard(reply, _, text):
                found[reply].heard = f"{found[reply].heard} {text}".strip()
            case f.ToolStep() if latest is not None:
                _tool(fact, latest, running)
            case f.ReplyDone(reply):
                _finish(found[reply], fact)
            case _:
                pass
    before: list[str] = []
    for reply in found.values():
        before = items[reply.id] = before + items[reply.id]
        before = before if _unheard(reply) else []
        reply.asked = " ".join(filter(None, (words.get(item, "") for item in items[reply.id])))
    return list(found.values())


def _tool(step: f.ToolStep, reply: Answer, running: dict[str, ToolUse]) -> None:
    use = running.get(step.call_id)
    if use is None:
        use = running[step.call_id] = ToolUse(step.name, json.loads(step.arguments or "{}"))
        reply.tools.append(use)
    use.phase, use.output = step.phase, step.output


def _finish(reply: Answer, done: f.ReplyDone) -> None:
    reply.status = done.status
    reply.said = " ".join(filter(None, (item.text for item in done.items)))
    reply.error = done.error[2] if done.error is not None else None
    if done.modality == "text":
        reply.heard = reply.said


def _timed_by_the_clock(entries: list[Entry]) -> list[Entry]:
    """Tools tell how long they took by a real clock; here it is the call's."""
    began: dict[str, int] = {}
    timed: list[Entry] = []
    for number, ms, fact in entries:
        if isinstance(fact, f.ToolStep):
            since = began.setdefault(fact.call_id, ms)
            fact = fact if fact.ms is None else replace(fact, ms=ms - since)
        timed.append((number, ms, fact))
    return timed


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {entry.name: _plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]  # pyright: ignore[reportUnknownVariableType]
    return value
