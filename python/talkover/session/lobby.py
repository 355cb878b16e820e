"""All conversations of this process: who is served by which engines, and where calls come in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from ..agent import Agent
from ..engines.base import EngineInfo, Tts
from ..engines.registry import Choice, Engines, build, fallback_voice
from ..errors import ConfigError, EngineError, Full, InputError
from ..media.port import MediaPort, Peer
from ..protocol.config import SessionConfig, changed_keys, first_config
from ..turn.policy import NORMAL, TurnPolicy
from .capacity import Capacity
from .leg import DataChannel, Dialect
from .limits import USUAL, Limits
from .moving import move, move_to_caller
from .recorder import Recordings
from .requests import allowed
from .session import Cast, Session
from .turn_settings import turn_policy
from .watch import Watch

log = structlog.get_logger("talkover.lobby")

UNCONNECTED_S = 20.0
"""An answered offer whose caller never arrives is forgotten after this."""


class Lobby:
    """`warm` before the first call. Everything on the event loop's thread."""

    def __init__(
        self,
        media: MediaPort,
        agents: Mapping[str, Agent],
        choice: Choice,
        *,
        ourselves: int | None = None,
        most_calls: int = 500,
        limits: Limits = USUAL,
        turns: TurnPolicy = NORMAL,
        recordings: Recordings | None = None,
    ) -> None:
        self.media, self.recordings, self.limits = media, recordings, limits
        self.capacity = Capacity(most_calls)
        self.observers: list[Callable[[Session], None]] = []
        """See each session as it is made."""
        self.on_lag: Callable[[float], None] = lambda _: None
        """Told how late the loop does what is due, seconds."""
        self.ready = False
        self.reason = "the engines are warming up"
        self._choice, self._ourselves, self._turns = choice, ourselves, turns
        self._watch: Watch | None = None
        self._making = 0
        self._engines: dict[Choice, Engines] = {}
        self._troubles: dict[Choice, list[EngineError]] = {}
        self._fallback: Tts | None = None
        self._sessions: dict[str, Session] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._agents: Mapping[str, Agent] = {}
        self._coming: Mapping[str, Agent] = {}
        self._build(agents)
        self._agents = agents

    @property
    def agents(self) -> list[str]:
        return list(self._agents)

    @property
    def sessions(self) -> list[Session]:
        return list({id(s): s for s in self._sessions.values()}.values())

    @property
    def live(self) -> int:
        """Calls that are, and those being made."""
        return len(self.sessions) + self._making

    @property
    def troubles(self) -> list[EngineError]:
        return [trouble for found in self._troubles.values() for trouble in found]

    @property
    def infos(self) -> list[EngineInfo]:
        """The engines of the first agent."""
        return self._of(next(iter(self._agents.values()))).infos

    async def serve(self, agents: Mapping[str, Agent]) -> None:
        """Give new calls to these agents, once their engines are warm; live calls keep theirs.

        After a TalkoverError everything is as it was.
        """
        self._coming = agents
        try:
            self._build(agents)
            await self._warm_engines()
            self._agents = agents
        finally:
            self._coming = {}
            self._close_unused()

    async def warm(self) -> None:
        """Start the engines. ConfigError for settings that cannot work at all."""
        await self._warm_engines()
        try:
            self._fallback = fallback_voice()
        except ConfigError:
            self._fallback = None
        self._watch = Watch(
            self.capacity, self.media.frames, lambda: self.live, lambda lag: self.on_lag(lag)
        )
        self.ready, self.reason = True, ""

    @contextmanager
    def place(self) -> Generator[None]:
        """Room for one call, kept while it is made within the block. Full where there is none."""
        self._check_open()
        if self.capacity.room(self.live) < 1:
            raise Full(
                f"This server has no room for more than its {len(self.sessions)} calls now; try "
                "again in a moment."
            )
        self._making += 1
        try:
            yield
        finally:
            self._making -= 1

    async def call(
        self, offer: str, dialect: Callable[[Session], Dialect], **given: Any
    ) -> tuple[Session, str]:
        """A WebRTC call: its session and the SDP answer. OfferError, InputError, Full, BadEvent.

        `dialect` is that of its data channel. Within `place`, like `attach`: neither looks whether
        there is room.
        """
        prepared = self._prepare(**given)
        peer, answer = self.media.core.answer(offer)
        session = self._session(prepared, peer, "webrtc")
        codec = dialect(session)
        session.requests.decode = codec.decode
        session.channel = DataChannel(peer, codec).tell
        session.stream.attach(session.channel)
        asyncio.get_running_loop().call_later(UNCONNECTED_S, self._forget_unconnected, session)
        return session, answer

    def attach(self, **given: Any) -> Session:
        """A WebSocket session: `Session.begin` when its leg listens. InputError, Full, BadEvent."""
        prepared = self._prepare(**given)
        peer = self.media.core.attach()
        return self._session(prepared, peer, "websocket")

    async def move(
        self, session: Session, offer: str, dialect: Callable[[Session], Dialect]
    ) -> str:
        """Give a live call a WebRTC leg, which has its sound once it is connected. OfferError."""
        peer, answer = self.media.core.answer(offer)
        move_to_caller(session, self.media, peer, dialect(session))
        return answer

    def move_to_socket(self, session: Session) -> None:
        """Give a live call's sound to a WebSocket, at once."""
        move(session, self.media, self.media.core.attach(), "websocket")

    def check(self, config: dict[str, Any], agent: str | None = None) -> SessionConfig:
        """What a session with this config would have. BadEvent, InputError."""
        return self._config(config, self._agent(agent), trusted=True)

    def get(self, id: str) -> Session | None:
        """By session id or call id."""
        return self._sessions.get(id)

    async def close(self) -> None:
        """End every call, then the engines and the media; no further call is taken."""
        self.ready, self.reason = False, "the server is going down"
        if self._watch is not None:
            self._watch.close()
        await asyncio.gather(*(s.end("the server is going down") for s in self.sessions))
        await asyncio.gather(*(engines.close() for engines in self._engines.values()))
        if self._fallback is not None:
            await self._fallback.close()
        await asyncio.gather(*self._closing)
        if self.recordings is not None:
            await self.recordings.close()
        self.media.close()

    # ---- within --------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if not self.ready:
            raise Full(f"No call can be taken now: {self.reason}.")

    def _build(self, agents: Mapping[str, Agent]) -> None:
        if not agents:
            raise ConfigError("There is no agent to serve.")
        for agent in agents.values():
            turn_policy(agent, first_config({}), self._turns)
            self._of(agent)

    async def _warm_engines(self) -> None:
        for choice, engines in list(self._engines.items()):
            self._troubles[choice] = await engines.warm()
        for trouble in self.troubles:
            log.error("an engine cannot be used", error=trouble.message)

    def _close_unused(self) -> None:
        """Let go of the engines that neither new calls nor live ones have."""
        served = (*self._agents.values(), *self._coming.values())
        wanted = {self._chosen(agent) for agent in served}
        live = [session.cast.llm for session in self.sessions]
        for choice, engines in list(self._engines.items()):
            if choice not in wanted and engines.llm not in live:
                del self._engines[choice]
                self._troubles.pop(choice, None)
                closing = asyncio.create_task(engines.close())
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    def _chosen(self, agent: Agent) -> Choice:
        c = self._choice
        return Choice(
            llm=agent.llm or c.llm,
            model=agent.model or c.model,
            api_key=agent.api_key or c.api_key,
            stt=agent.stt or c.stt,
            tts=agent.tts or c.tts,
            stt_model=c.stt_model,
            tts_model=c.tts_model,
            tts_voice=c.tts_voice,
            openai=c.openai,
            smart_turn=c.smart_turn,
        )

    def _of(self, agent: Agent) -> Engines:
        choice = self._chosen(agent)
        if choice not in self._engines:
            self._engines[choice] = build(choice, self._ourselves)
        return self._engines[choice]

    def _agent(self, name: str | None) -> Agent:
        if name is None:
            return next(iter(self._agents.values()))
        if name not in self._agents:
            raise InputError(
                f"There is no agent {name!r}; served here: {', '.join(self._agents)}.",
                code="agent_not_found",
                param="agent",
            )
        return self._agents[name]

    def _prepare(
        self,
        *,
        config: dict[str, Any],
        agent: str | None = None,
        trusted: bool = False,
        bound: bool = False,
        user: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        longest_s: int | None = None,
        idle_s: int | None = None,
    ) -> tuple[Agent, SessionConfig, dict[str, Any]]:
        """`trusted`: the config is the backend's own; `bound`: its client may not change it."""
        self._check_open()
        chosen = self._agent(agent)
        made = self._config(config, chosen, trusted=trusted)
        who = {
            "user": user, "metadata": metadata, "limits": self.limits.within(longest_s, idle_s),
            "client_may": None if trusted and not bound else chosen.client_may,
            "locked": frozenset(changed_keys(config)) if bound else frozenset[str](),
        }  # fmt: skip
        return chosen, made, who

    def _config(self, config: dict[str, Any], agent: Agent, *, trusted: bool) -> SessionConfig:
        patch = allowed(config, None if trusted else agent.client_may, frozenset())
        made = first_config(patch)
        detection = patch.get("audio", {}).get("input", {})
        if agent.turns == "push_to_talk" and "turn_detection" not in detection:
            made = made.merge({"audio": {"input": {"turn_detection": None}}})
        return made

    def _session(
        self, prepared: tuple[Agent, SessionConfig, dict[str, Any]], peer: Peer, transport: str
    ) -> Session:
        agent, config, who = prepared
        engines = self._of(agent)
        cast = Cast(
            agent, engines.stt, engines.llm, engines.tts,
            self._fallback, tuple(self._troubles.get(self._chosen(agent), ())), self._turns,
            engines.endpointer,
        )  # fmt: skip
        session = Session(
            cast, config, peer,
            transport=transport, attach=self.media.attach, began=time.time(), on_end=self._forget,
            **who,
        )  # fmt: skip
        self._sessions[session.id] = self._sessions[session.call_id] = session
        log.info("call", session=session.id, transport=transport, user=session.user)
        if self.recordings is not None:
            name = next((name for name, one in self._agents.items() if one is agent), "")
            session.on_item = self.recordings.record(session, name).handle
        for observe in self.observers:
            observe(session)
        self.media.bind(peer, session.on_item)
        return session

    def _forget(self, session: Session) -> None:
        self._sessions.pop(session.id, None)
        self._sessions.pop(session.call_id, None)
        self._close_unused()

    def _forget_unconnected(self, session: Session) -> None:
        if not session.begun and not session.ended:
            session.spawn(session.end("the caller never connected"), "unconnected")
