"""The caller of a test: does its steps when their cues come, and hears what the agent says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import TalkoverError
from ..media.port import Peer
from ..media.simulation import Simulation
from ..protocol import facts as f
from ..protocol.realtime import Codec
from ..session.session import Session
from ..session.stream import Entry
from .engines import ScriptedEar, Spoken
from .script import Cue, Film, Play, Send, Speak, Step, Wait

PATIENCE_S = 120.0
"""A cue that has not come by then will not."""
SHORTEST_S = 0.15


class MissedCue(TalkoverError):
    """A step waited for something that never happened."""

    code = "missed_cue"


@dataclass(frozen=True, slots=True)
class Done:
    """A step, and when it began and ended (seconds)."""

    step: Step
    began: float
    ended: float


class Caller:
    """`take` is its leg: everything it knows of the agent are the facts that any client gets."""

    def __init__(self, session: Session, media: Simulation, peer: Peer, ear: ScriptedEar) -> None:
        self._session, self._media, self._peer, self._ear = session, media, peer, ear
        self._loop = asyncio.get_running_loop()
        self._codec = Codec(extensions=True, audio_events=False, operator=True)
        self._changed = asyncio.Event()
        self._audible: float | None = None
        self._idle_since: float | None = 0.0
        self._free = 0.0
        self._voices = self._voices_due = 0
        self.ended: str | None = None
        self.entries: list[Entry] = []
        self.done: list[Done] = []

    def take(self, entry: Entry) -> None:
        self.entries.append(entry)
        match entry[2]:
            case f.AudioStarted():
                self._audible = self._loop.time()
                self._voices += 1
            case f.AudioStopped() | f.AudioCleared():
                self._audible = None
            case f.State(user, agent):
                idle = (user, agent) == ("silent", "listening")
                self._idle_since = self._loop.time() if idle else None
            case f.Ended(reason):
                self.ended = reason
            case _:
                return
        self._changed.set()

    async def run(self, steps: list[Step]) -> None:
        """All steps, and then the silence after the last answer. MissedCue."""
        for step in steps:
            try:
                async with asyncio.timeout(PATIENCE_S + step.cue.seconds):
                    await self._await(step.cue)
            except TimeoutError:
                raise MissedCue(
                    f'"{step}" waited {PATIENCE_S:.0f} s in vain for '
                    f"{step.cue.when}={step.cue.seconds:g}."
                ) from None
            if self.ended is not None:
                return
            self._do(step)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._await(Cue("after_silence", 1.0))
        except TimeoutError:
            raise MissedCue(f"The agent was not silent within {PATIENCE_S:.0f} s.") from None

    # ---- cues ----------------------------------------------------------------------------------

    async def _await(self, cue: Cue) -> None:
        match cue.when:
            case "at":
                await self._until(cue.seconds)
            case "after_line":
                await self._until(self._free + cue.seconds)
            case "after_audible":
                await self._answer(cue.seconds)
            case "after_silence":
                await self._silence(cue.seconds)
            case "unasked":
                while self.ended is None and self._voices <= self._voices_due:
                    await self._change()

    async def _answer(self, seconds: float) -> None:
        """A moment of an answer that was not past when the last step was over."""
        await self._until(self._free)
        while self.ended is None:
            audible = self._audible
            if audible is None or audible + seconds < self._free:
                await self._change()
            elif await self._lasts(lambda: self._audible, audible + seconds):
                return

    async def _silence(self, seconds: float) -> None:
        await self._until(self._free)
        while self.ended is None:
            since = self._idle_since
            if since is None:
                await self._change()
            elif await self._lasts(lambda: self._idle_since, max(since, self._free) + seconds):
                return

    async def _lasts(self, state: Callable[[], float | None], until: float) -> bool:
        """Whether a state stays as it is all the way to `until`."""
        before = state()
        try:
            async with asyncio.timeout_at(until):
                while state() == before and self.ended is None:
                    await self._change()
        except TimeoutError:
            return True
        return False

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _until(self, when: float) -> None:
        await self._lasts(lambda: None, when)

    # ---- steps ---------------------------------------------------------------------------------

    def _do(self, step: Step) -> None:
        now = self._loop.time()
        self._voices_due = self._voices + (not isinstance(step, Wait))
        match step:
            case Speak():
                began = max(now, self._free)
                self._free = self._speak(step, began)
                self.done.append(Done(step, began, self._free))
            case Play(_, pcm, rate, words):
                self._media.sound(self._peer, pcm, rate)
                self._free = now + len(pcm) / 2 / rate
                spoken = words.split()
                each = (self._free - now) / max(1, len(spoken))
                self._ear.say([
                    Spoken(word, now + n * each, now + (n + 1) * each)
                    for n, word in enumerate(spoken)
                ])  # fmt: skip
                self.done.append(Done(step, now, self._free))
            case Send(_, events):
                self._free = max(self._free, now)
                self.done.append(Done(step, now, now))
                for event in events:
                    self._session.submit(self._codec.decode(json.dumps(event)))
            case Film(_, webp):
                self._free = max(self._free, now)
                self.done.append(Done(step, now, now))
                self._media.film(self._peer, webp)
            case Wait():
                self._free = max(self._free, now)
                self.done.append(Done(step, now, now))

    def _speak(self, step: Speak, at: float) -> float:
        words: list[Spoken] = []
        for part in step.parts:
            if not isinstance(part, str):
                at += part
                continue
            began = at
            for word in part.split():
                end = at + (len(word) + 1) * step.pace
                words.append(Spoken(word, at, end))
                at = end
            at = max(at, began + SHORTEST_S)
            self._voice(began, at)
        if step.noise:
            self._voice(at, at + step.noise)
            at += step.noise
        self._ear.say(words)
        return at

    def _voice(self, began: float, ended: float) -> None:
        self._media.speak(self._peer, round(began * 1e9), round(ended * 1e9))
