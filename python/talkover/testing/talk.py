"""Script a conversation with your agent, overlaps included, and see what was heard."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, Unpack
from unittest.mock import patch

from ..agent import Agent
from ..engines.base import Llm, SpeechToSpeech, Tts
from ..engines.mcp import McpConnection
from ..engines.unheard import NoEar, NoModel
from ..errors import AgentError
from ..media.port import Peer
from ..media.simulation import Simulation
from ..protocol.config import SessionConfig, first_config
from ..protocol.ids import fresh, seeded
from ..session import brain
from ..session.cast import Cast, Names
from ..session.session import Session
from ..session.turn_settings import own_input
from ..values import Audio, Image
from .caller import Caller, MissedCue
from .engines import SECONDS_PER_CHARACTER, Answers, ScriptedEar, ScriptedLlm, SteadyVoice
from .loop import VirtualLoop
from .result import Result
from .script import Cue, Cues, Film, Play, Send, Speak, Step, Wait, cue, typing
from .toml import Expected, expected, failures

AFTERWARDS_S = 2.0
"""Time for what the end of a call leaves to do."""


class Talk:
    """One conversation, in virtual time: add what the caller does, then `run`.

    A step begins at its cue, given as one of `at` (seconds of the call), `after_line` (seconds
    after the caller's last step), `after_audible` (seconds into the agent's answer: over its voice)
    or `after_silence` (seconds after both fell silent). Without one the caller is polite: half a
    second after the answer.

    `s2s`: a speech-to-speech model in the place of ear and model; it hears what the caller plays.
    `agents` are others, by the names that they are served by, for `session.handoff`. `llm` is a
    model, or what a `ScriptedLlm` takes; an agent with a brain of its own needs none.
    The same script and `seed` give the same facts to the byte. Use it in plain tests: `run` has an
    event loop of its own.
    """

    def __init__(
        self,
        agent: Agent,
        *,
        llm: Llm | Answers | None = None,
        ear: ScriptedEar | None = None,
        tts: Tts | None = None,
        s2s: SpeechToSpeech | None = None,
        agents: Mapping[str, Agent] | None = None,
        config: dict[str, Any] | None = None,
        user: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        if llm is s2s is agent.on_reply is agent.on_live is None:
            raise AgentError(
                "This agent answers with a model; give the talk one, such as "
                'Talk(agent, llm={"hello": "Hello to you.", "": "I see."}).'
            )
        scripted = llm is None or isinstance(llm, Mapping) or callable(llm)
        self.llm: Llm = ScriptedLlm(llm or {}) if scripted else llm  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]  told apart above
        self.ear = ear or ScriptedEar()
        self.tts: Tts = tts or SteadyVoice()
        self._s2s = s2s
        self.agent, self.seed = agent, seed
        self._agents = {"agent": agent, **(agents or {})}
        self._config = _config(agent, config or {})
        self._user, self._metadata = user, metadata
        self._steps: list[Step] = []
        self._expected: list[Expected] = []

    @classmethod
    def from_toml(
        cls,
        agent: Agent,
        file: str | Path,
        *,
        words: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> Self:
        """The script of `talkover call --script FILE`; `settings` are those of `Talk`.

        A sound is taken to say what its name says (`what-time-is-it.wav`), or what `words` says of
        its name. What did not come as expected is in `result.failures`. InputError.
        """
        talk = cls(agent, **settings)
        talk._expected = expected(Path(file), words or {})
        talk._steps = [step for step, _ in talk._expected]
        return talk

    # ---- what the caller does ------------------------------------------------------------------

    def user(
        self, *parts: str | float, pace: float = SECONDS_PER_CHARACTER, **when: Unpack[Cues]
    ) -> Step:
        """Say something. Numbers between the words are pauses, in seconds; `pace` is seconds per
        character."""
        timed = tuple(part if isinstance(part, str) else float(part) for part in parts)
        return self._add(Speak(cue(when), timed, pace))

    def noise(self, seconds: float = 0.2, **when: Unpack[Cues]) -> Step:
        """Make a sound like a voice, without a word: a cough, a laugh."""
        return self._add(Speak(cue(when), (), 0.0, seconds))

    def play(self, sound: Audio, words: str, **when: Unpack[Cues]) -> Step:
        """Say `words` with a real voice, which the real voice detector hears."""
        return self._add(Play(cue(when), sound.data, sound.rate, words))

    def typed(self, text: str, **when: Unpack[Cues]) -> Step:
        """Ask in writing."""
        return self._add(Send(cue(when), typing(text), f"[{text}]"))

    def commit(self, *, after_line: float = 0.1, respond: bool = True) -> Step:
        """Let go of the push-to-talk button."""
        events = [{"type": "input_audio_buffer.commit"}, {"type": "response.create"}]
        return self.event(*events[: 2 if respond else 1], after_line=after_line)

    def data(self, name: str, data: Any, **when: Unpack[Cues]) -> Step:
        """Send application data, for the agent's `@agent.on(name)`."""
        return self.event({"type": "talkover.message", "name": name, "data": data}, **when)

    def film(self, picture: Image | None, **when: Unpack[Cues]) -> Step:
        """Turn the camera on and hold this picture before it (a lossy WebP); None turns it off."""
        return self._add(Film(cue(when), None if picture is None else picture.data))

    def event(self, *events: dict[str, Any], **when: Unpack[Cues]) -> Step:
        """Send any client events of the Realtime protocol, or those of who runs the server
        (`talkover.take_over`, `talkover.say`)."""
        shown = " ".join(f"<{event['type']}>" for event in events)
        return self._add(Send(cue(when), events, shown))

    def wait(self, seconds: float) -> Step:
        """Let time pass, from the end of the last step on."""
        return self._add(Wait(Cue("after_line", seconds)))

    def _add(self, step: Step) -> Step:
        self._steps.append(step)
        return step

    # ---- the conversation ----------------------------------------------------------------------

    def run(self) -> Result:
        """Have the conversation. MissedCue where a step's cue never came."""
        media = Simulation()
        loop = VirtualLoop(media)
        chance = random.getstate()
        random.seed(self.seed)
        try:
            # Plain generators run in the session's own threads; here in the loop's, in order.
            with (
                seeded(self.seed),
                patch.object(brain, "_threads", loop.threads),
                asyncio.Runner(loop_factory=lambda: loop) as runner,
            ):
                return runner.run(self._talk(media))
        finally:
            random.setstate(chance)

    async def _talk(self, media: Simulation) -> Result:
        session, peer = self._session(media)
        caller = Caller(session, media, peer, self.ear)
        session.stream.attach(caller.take)
        session.begin()
        missed: MissedCue | None = None
        try:
            await caller.run(self._steps)
        except MissedCue as error:
            missed = error
        sound, seen = media.heard(peer), media.seen(peer)
        messages = session.conversation.messages()
        await session.end("the script is over")
        await asyncio.sleep(AFTERWARDS_S)
        left = sorted(t.get_name() for t in asyncio.all_tasks() - {asyncio.current_task()})
        result = Result(self.seed, caller.entries, caller.done, sound, seen, messages, left)
        result.failures = failures(result, self._expected)
        if missed is not None:
            missed.add_note(str(result))
            raise missed
        return result

    def _session(self, media: Simulation) -> tuple[Session, Peer]:
        sessions: list[Session] = []
        peer = media.attach(lambda item: sessions[0].handle(item))
        session = Session(
            self._cast("agent"), self._config, peer, Names(fresh("sess"), fresh("rtc")),
            transport="webrtc", attach=media.attach,
            user=self._user, metadata=self._metadata, client_may=self.agent.client_may,
        )  # fmt: skip
        sessions.append(session)
        return session, peer

    def _cast(self, who: Agent | str) -> Cast:
        """All agents of a talk have its engines."""
        name = next((n for n, a in self._agents.items() if who in (n, a)), None)
        if name is None:
            raise AgentError(
                'This talk has no such agent; give it one: Talk(…, agents={"name": agent}).'
            )
        return Cast(
            self._agents[name],
            self.ear if self._s2s is None else NoEar(),
            self.llm if self._s2s is None else NoModel(),
            self.tts,
            s2s=self._s2s,
            name=name,
            recast=self._cast,
            connect=McpConnection,
        )


def _config(agent: Agent, config: dict[str, Any]) -> SessionConfig:
    return first_config({"audio": {"input": own_input(agent)}}).merge(config)
