"""All conversations of this process: who is served by which engines, and where calls come in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import structlog

from ..agent import Agent
from ..cluster.base import Backlog, Fenced, Kept, Opened, SessionLog, check_claim, unclaimed
from ..cluster.nodes import Load
from ..engines.base import EngineInfo, Tts
from ..engines.registry import Choice, Engines, build, fallback_voice, tool_server
from ..errors import (
    AgentError,
    Busy,
    ConfigError,
    EngineError,
    Full,
    InputError,
    NotFound,
    TalkoverError,
)
from ..media.port import MediaPort, Peer
from ..protocol.config import SessionConfig, changed_keys, first_config
from ..protocol.facts import How
from ..protocol.ids import fresh
from ..protocol.live.settings import EVERYTHING, Permissions
from ..turn.policy import NORMAL, TurnPolicy
from .capacity import Capacity
from .cast import Cast, Names
from .departure import leave
from .journal import Place
from .leg import DataChannel, Dialect
from .limits import USUAL, Limits
from .moving import move, move_to_caller
from .past import Past, past
from .recorder import Recordings
from .requests import allowed
from .returning import About, Returning, fresh_token
from .session import Session
from .turn_settings import own_input, turn_policy
from .waiting import WaitingCaller
from .watch import Watch

log = structlog.get_logger("talkover.lobby")

ADOPT_S = 10.0
"""How often is looked for sessions that other processes left."""
UNCONNECTED_S = 20.0
"""An answered offer whose caller never arrives is forgotten after this."""


class Lobby:
    """`warm` before the first call. Everything on the event loop's thread."""

    def __init__(
        self,
        media: MediaPort,
        agents: Mapping[str, Agent],
        choice: Choice,
        log: SessionLog,
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
        self._log, self._claiming, self._beside = log, set[str](), set[str]()
        self._adopting: asyncio.Task[None] | None = None
        self._watch: Watch | None = None
        self._making = 0
        self._engines: dict[Choice, Engines] = {}
        self._troubles: dict[Choice, list[EngineError]] = {}
        self._fallback: Tts | None = None
        self._sessions: dict[str, Session] = {}
        self._by_call: dict[str, Session] = {}
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
        return list(self._sessions.values())

    @property
    def live(self) -> int:
        """Calls that are, and those being made; of one whose caller is gone there is little."""
        away = [session.absence.is_on for session in self._sessions.values()].count(True)
        return len(self._sessions) - away + self._making

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
        await self._adopt()
        self._adopting = asyncio.create_task(self._go_on_adopting())
        self.ready, self.reason = True, ""

    @contextmanager
    def place(self, *, back: bool = False) -> Generator[None]:
        """Room for one call, kept while it is made within the block. Full where there is none.

        `back`: for a session that is already, which has some that new ones have not.
        """
        self._check_open()
        if self.capacity.room(self.live, back=back) < 1:
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
        self._await_caller(session, dialect(session))
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

    async def resume(
        self, back: Returning, offer: str, dialect: Callable[[Session], Dialect]
    ) -> tuple[Session, str]:
        """A WebRTC leg for a session whose caller comes back, to here or from another process.

        OfferError, NotFound, Full; Busy while another does the same.
        """
        self._check_open()
        session = self._still_here(back)
        if session is not None:
            peer, answer = self.media.core.answer(offer)
            move_to_caller(session, self.media, peer, dialect(session), whole=True)
            return session, answer
        async with self._claimed(back) as claimed:
            peer, answer = self.media.core.answer(offer)
            session = self._restored(claimed, peer, "webrtc")
        self._await_caller(session, dialect(session))
        return session, answer

    async def resume_at_socket(self, back: Returning) -> Session:
        """The same for a WebSocket, which has the session's sound at once."""
        self._check_open()
        session = self._still_here(back)
        if session is not None:
            self.move_to_socket(session)
            return session
        async with self._claimed(back) as claimed:
            return self._restored(claimed, self.media.core.attach(), "websocket")

    async def waiting(self, back: Returning) -> About:
        """What is known of a session that another process has, and whose caller is about to come
        here. NotFound; Busy where this process has it itself."""
        if self._still_here(back) is not None:
            raise Busy("This server has the call itself, and it stays; connect to another one.")
        try:
            opened = await self._log.find(back.id)
        except NotFound:
            raise unclaimed() from None
        check_claim(opened.token, opened.ended, back.hash)
        return About.of(opened.about)

    @contextmanager
    def place_beside(self, back: Returning) -> Generator[None]:
        """Room for a leg that waits, of which each session has one. Full, Busy."""
        if back.id in self._beside:
            raise Busy("Another leg waits here for this session; use that one.")
        self._beside.add(back.id)
        try:
            with self.place(back=True):
                yield
        finally:
            self._beside.discard(back.id)

    async def wait(
        self, back: Returning, offer: str, dialect: Callable[[About], Dialect]
    ) -> tuple[str, str]:
        """A WebRTC leg that is connected now, and resumes the session when its caller says so.

        Nothing of the session is changed before. Returns the call's id and the SDP answer.
        OfferError, NotFound, Full, Busy.
        """
        with ExitStack() as place:
            place.enter_context(self.place_beside(back))
            about = await self.waiting(back)
            peer, answer = self.media.core.answer(offer)
            kept = place.pop_all()
        codec = dialect(about)

        async def claim(transport: str) -> Session:
            kept.close()
            async with self._claimed(back) as claimed:
                session = self._restored(claimed, peer, transport)
            self._await_caller(session, codec)
            return session

        WaitingCaller(self.media, peer, codec, claim, kept.close)
        return about.call_id, answer

    def check(self, config: dict[str, Any], agent: str | None = None) -> SessionConfig:
        """What a session with this config would have. BadEvent, InputError."""
        return self._config(config, self._agent(self._named(agent, config)), trusted=True)

    def calls_by(self, secret: str) -> int:
        """Live calls, of all servers, that were begun by a client secret; by its hash."""
        here = [s for s in self.sessions if s.secret == secret and not s.absence.is_on]
        return len(here) + self._log.calls_by(secret)

    @property
    def node(self) -> str:
        """The name of this server."""
        return self._log.node

    @property
    def load(self) -> Load:
        """What other servers are told of this one."""
        return Load(self.live, self.capacity.limit, self.ready)

    def holder(self, id: str) -> str | None:
        """The other server that has a session, by its id or its call's."""
        return None if self.get(id) is not None else self._log.holder(id)

    @property
    def backlog(self) -> Backlog:
        """What the session log has not taken yet."""
        return self._log.backlog

    def get(self, id: str) -> Session | None:
        """By session id or call id."""
        return self._sessions.get(id) or self._by_call.get(id)

    # ---- for whoever runs the server ---------------------------------------------------------

    async def known(self, most: int) -> list[Opened]:
        """Sessions of now and before, the newest first. LogUnavailable."""
        return await self._log.opened(most)

    async def history(self, id: str) -> tuple[Opened, Past]:
        """What was said in a session so far. NotFound, LogUnavailable."""
        kept = await self._log.read(id)
        return kept.opened, past(kept.records)

    async def delete(self, id: str) -> None:
        """End it, if it is live, and keep nothing of it. NotFound, LogUnavailable."""
        session = self.get(id)
        if session is not None:
            await session.end("deleted")
        await self._log.forget(id)

    async def drain(self, seconds: float) -> None:
        """Take no further call, and let each go elsewhere; returns once none is left, or then."""
        self.ready, self.reason = False, "this server is draining; another one takes calls"
        if self._adopting is not None:
            self._adopting.cancel()
        await leave(lambda: self.sessions, seconds)

    async def close(self, how: How = "asked") -> None:
        """End every call, then the engines and the media; no further call is taken.

        "moved": the calls stay open in the log, for whoever serves next.
        """
        self.ready, self.reason = False, "the server is going down"
        if self._watch is not None:
            self._watch.close()
        if self._adopting is not None:
            self._adopting.cancel()
        await asyncio.gather(*(s.end("the server is going down", how) for s in self.sessions))
        await asyncio.gather(*(engines.close() for engines in self._engines.values()))
        if self._fallback is not None:
            await self._fallback.close()
        await asyncio.gather(*self._closing)
        if self.recordings is not None:
            await self.recordings.close()
        await self._log.shut()
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
        return replace(
            c,
            llm=agent.llm or c.llm,
            model=agent.model or c.model,
            api_key=agent.api_key or c.api_key,
            stt=agent.stt or c.stt,
            tts=agent.tts or c.tts,
            # Who has a generator of their own for the whole call owns the floor already.
            s2s=None if agent.on_live else agent.s2s or c.s2s,
        )

    def _of(self, agent: Agent) -> Engines:
        choice = self._chosen(agent)
        if choice not in self._engines:
            self._engines[choice] = build(choice, self._ourselves)
        return self._engines[choice]

    def _named(self, agent: str | None, config: dict[str, Any]) -> str:
        """The agent that is asked for: as such, or as a model; any other model's name is that of
        the server that a client was written for, and gets the first."""
        named = (name for name in self._agents if name == config.get("model"))
        return agent or next(named, next(iter(self._agents)))

    def _agent(self, name: str) -> Agent:
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
        secret: str | None = None,
        permissions: Permissions = EVERYTHING,
    ) -> About:
        """`trusted`: the config is the backend's own; `bound`: its client may not change it."""
        self._check_open()
        name = self._named(agent, config)
        chosen = self._agent(name)
        made = self._config(config, chosen, trusted=trusted)
        return About(
            name, fresh("rtc"), made.model_dump(mode="json"), user, dict(metadata or {}),
            None if trusted and not bound else chosen.client_may,
            frozenset(changed_keys(config)) if bound else frozenset[str](),
            self.limits.within(longest_s, idle_s), time.time(), secret,
            permissions,
        )  # fmt: skip

    def _config(self, config: dict[str, Any], agent: Agent, *, trusted: bool) -> SessionConfig:
        patch = allowed(config, None if trusted else agent.client_may, frozenset())
        made = first_config(patch)
        said = patch.get("audio", {}).get("input", {})
        own = {name: value for name, value in own_input(agent).items() if name not in said}
        return made.merge({"audio": {"input": own}}) if own else made

    # ---- callers who come back -----------------------------------------------------------------

    def _still_here(self, back: Returning) -> Session | None:
        session = self._sessions.get(back.id)
        if session is not None and not session.is_resumed_by(back.hash):
            raise unclaimed()
        return session

    @asynccontextmanager
    async def _claimed(self, back: Returning) -> AsyncGenerator[Kept]:
        """A session of the log, ours from now on; within the block it is made."""
        if back.id in self._claiming:
            raise Busy("This session is being resumed already.")
        self._claiming.add(back.id)
        try:
            with self.place(back=True):
                yield await self._log.claim(back.id, back.hash)
        finally:
            self._claiming.discard(back.id)

    async def _adopt(self) -> None:
        """Take up the sessions that the last process left; their callers may come back."""
        for id in await self._log.orphans():
            if id in self._sessions:
                continue
            try:
                claimed = await self._log.claim(id, None)
            except (NotFound, Fenced):
                # Somebody else was faster.
                continue
            if not claimed.records:
                self._log.close(id, claimed.opened.term, "the caller never connected")
                continue
            try:
                session = self._restored(claimed, self.media.core.attach(), "none")
            except (TalkoverError, ValueError) as error:
                log.error("a session cannot be taken up", session=id, error=str(error))
                self._log.close(id, claimed.opened.term, f"it could not be taken up: {error}")
                continue
            session.begin()
            session.absence.begin("the server was restarted")

    async def _go_on_adopting(self) -> None:
        """What other processes leave, who do not come back."""
        while True:
            await asyncio.sleep(ADOPT_S)
            try:
                await self._adopt()
            except TalkoverError as error:
                log.warning("sessions of others cannot be looked for", error=error.message)

    def _restored(self, claimed: Kept, peer: Peer, transport: str) -> Session:
        opened = claimed.opened
        about, found = About.of(opened.about), past(claimed.records)
        session = self._make(about, opened.id, opened.token, peer, transport, found)
        self._keep(session, opened.term)
        log.info("call resumed", session=session.id, transport=transport, term=opened.term)
        return session

    def _await_caller(self, session: Session, codec: Dialect) -> None:
        """Its data channel; and the session ends where its caller never comes."""
        session.requests.decode = codec.decode
        session.channel = DataChannel(session.peer, codec).tell
        session.stream.attach(session.channel)
        # By its name: a timer that held the session would keep it long after its end.
        asyncio.get_running_loop().call_later(UNCONNECTED_S, self._forget_unconnected, session.id)

    # ---- sessions ------------------------------------------------------------------------------

    def _session(self, about: About, peer: Peer, transport: str) -> Session:
        """A new one, which the log knows from now on."""
        id = fresh("sess")
        token = fresh_token(id, limited=about.permissions != EVERYTHING)
        hash = Returning.of(token).hash
        session = self._make(about, id, hash, peer, transport, Past())
        session.token = token
        self._log.open(id, hash, about.to_json())
        self._keep(session, 1)
        log.info("call", session=session.id, transport=transport, user=session.user)
        return session

    def _keep(self, session: Session, term: int) -> None:
        session.keep(Place(self._log, session.id, term))

    def _make(
        self, about: About, id: str, token: bytes, peer: Peer, transport: str, found: Past
    ) -> Session:
        cast = self._cast(found.agent or about.agent)
        may = None if about.client_may is None else cast.agent.client_may
        session = Session(
            cast, about.session_config(found.config), peer,
            Names(id, about.call_id, token, about.began, about.expires_at, about.secret,
                  about.agent, about.permissions),
            transport=transport, attach=self.media.attach, user=about.user,
            metadata=about.metadata, client_may=may, locked=about.locked,
            limits=about.limits_from(time.time()), past=found, on_end=self._forget,
        )  # fmt: skip
        self._sessions[session.id] = self._by_call[session.call_id] = session
        if self.recordings is not None:
            self.recordings.record(session, about.agent)
        for observe in self.observers:
            observe(session)
        self.media.bind(peer, session.handle)
        return session

    def _cast(self, who: str | Agent) -> Cast:
        """By an agent's name, or by itself. AgentError where it is not served."""
        name = next((name for name, own in self._agents.items() if who in (name, own)), None)
        if name is None:
            raise AgentError(
                "That agent is not served here, so it cannot have the call: put it at the top of "
                f"the file that is served, or name one that is: {', '.join(self._agents)}."
            )
        agent = self._agents[name]
        engines = self._of(agent)
        return Cast(
            agent, engines.stt, engines.llm, engines.tts,
            self._fallback, tuple(self._troubles.get(self._chosen(agent), ())), self._turns,
            engines.endpointer, engines.s2s, name, self._cast, tool_server,
        )  # fmt: skip

    def _forget(self, session: Session) -> None:
        self._sessions.pop(session.id, None)
        self._by_call.pop(session.call_id, None)
        self._close_unused()

    def _forget_unconnected(self, id: str) -> None:
        session = self._sessions.get(id)
        if session is not None and not session.begun and not session.ended:
            session.spawn(session.end("the caller never connected"), "unconnected")
