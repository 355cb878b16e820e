"""One conversation: the shell that feeds the turn machine and does what it says.

Everything here runs on the event loop's thread. Inputs are handled at once, in the order in which
they come; only thinking and speaking take time, and those are the reply's one task.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from ..agent import Agent
from ..agent import Session as Facade
from ..engines.base import Words
from ..errors import AgentError, TalkoverError
from ..media import items as m
from ..media.port import Peer
from ..protocol import facts as f
from ..protocol.commands import AppendAudio, Command, ResponseParams
from ..protocol.config import SessionConfig
from ..protocol.errors import BadEvent
from ..protocol.live.settings import Permissions
from ..protocol.text import snapshot
from ..turn import inputs as i
from ..turn import outputs as o
from ..turn.machine import Timeout, TurnMachine
from ..turn.policy import TurnPolicy
from ..turn.trace import Given, Step, feed
from ..values import Audio, Image, Say
from .absence import Absence
from .account import Stamps
from .aside import Attach
from .background import Background
from .brain import Brain, Piece
from .cast import Cast, Names
from .consent import Consent
from .departure import Departure
from .duplex import Duplex, floor_holder
from .encoded import Encoded
from .handoff import hand_off
from .hearing import Hearing
from .idle import Idle
from .journal import Journal, Place
from .limits import USUAL, Life, Limits
from .live import Live, Tap
from .making import make_brain, make_reply
from .mute import Mute
from .packets import Packets
from .past import Past
from .preparing import Preparing
from .remote import Remotes
from .reply import Reply
from .replying import REPLYING
from .requests import Requests
from .resuming import go_on
from .saying import Sayings
from .sentence import Sentence
from .standing import StandingOrders
from .stream import FactStream, Leg
from .takeover import TakeOver
from .turn_settings import NextTurn, turn_policy
from .video import Video

log = structlog.get_logger("talkover.session")

BY_CALLER = "closed by the caller"
"""How the media thread says that a caller hung up; all else it tells of are losses."""
FLUSH_PATIENCE_S = 1.0
MOST_ENDED = 8
"""Ended replies that a client may still correct: it knows best what it played."""


class Session:
    """`begin` once the caller can be heard, `submit` what a client asks, `end` when it is over."""

    def __init__(
        self,
        cast: Cast,
        config: SessionConfig,
        peer: Peer,
        names: Names,
        *,
        transport: str,
        attach: Attach,
        user: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        client_may: tuple[str, ...] | None = (),
        locked: frozenset[str] = frozenset(),
        limits: Limits = USUAL,
        past: Past | None = None,
        on_end: Callable[[Session], None] = lambda _: None,
    ) -> None:
        self._names, self.token = names, ""
        self._past = past = past or Past()
        self.cast, self.config, self.peer = cast, config, peer
        self.transport, self._limits = transport, limits
        self.user, self.metadata = user, dict(metadata or {})
        self.client_may, self.locked = client_may, locked
        self.state, self.conversation = past.state, past.conversation
        self.stream, self._journal, self.encoded = FactStream(past.number), None, Encoded()
        self.facade, self.next_turn = Facade(self), NextTurn()
        self.takeover = TakeOver(self)
        self.machine, self.recording = TurnMachine(self._turn_policy()), False
        self.arriving: Peer | None = None
        """Has the call as soon as it is connected."""
        self.channel: Leg | None = None
        """Its caller's data channel, where it has one."""
        self.packets = Packets(lambda: self.peer)
        self.on_step: Callable[[Step], None] | None = None
        """Sees what the turn machine is given and makes of it."""
        self._asked: ResponseParams | None = None
        self.begun, self.ended, self._on_end = False, False, on_end
        self._loop = asyncio.get_running_loop()
        self._t0 = self._loop.time() - past.at_ms / 1000
        self._timer: asyncio.TimerHandle | None = None
        self._life: Life | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._said: tuple[str, str] = ("", "")
        self._replies: dict[int, Reply] = {}
        self._brains: dict[int, Brain] = {}
        self._futures: dict[int, asyncio.Future[str]] = {}
        self._ending: dict[int, o.CancelReply] = {}
        self._waiting_start: list[o.StartReply | o.PrepareReply] = []
        self._preparing = Preparing(self)
        self._over: deque[Reply] = deque(maxlen=MOST_ENDED)
        self._live = Live(lambda: None if self.takeover.on else self.tell(i.Speak()))
        self.standing = StandingOrders(self)
        self.requests, self.hearing = Requests(self, attach), Hearing(self)
        self.mute, self.video, self.consent = Mute(self), Video(self), Consent()
        self.mute.set("client", past.muted)
        self.absence, self.departure = Absence(self, limits.away_s), Departure(self)
        self.sayings, self.remotes = Sayings(self), Remotes(self)
        self._idle, self._sentence, self.background = Idle(self), Sentence(self), Background(self)
        self.duplex = None if cast.s2s is None else Duplex(self, cast.s2s)
        self.apply_policy()

    # ---- for the gateway and the agent ---------------------------------------------------------

    @property
    def id(self) -> str:
        return self._names.id

    @property
    def call_id(self) -> str:
        return self._names.call_id

    @property
    def agent(self) -> str:
        """The name of the agent that it was begun with."""
        return self._names.agent

    @property
    def secret(self) -> str | None:
        """The hash of the client secret that it was begun with."""
        return self._names.secret

    @property
    def permissions(self) -> Permissions:
        """What its page may say and be told, in the Live dialect."""
        return self._names.permissions

    @property
    def began(self) -> float:
        """Unix seconds."""
        return self._names.began

    def is_resumed_by(self, token: bytes) -> bool:
        """Whether this is the hash of the token that its client comes back with."""
        return hmac.compare_digest(self._names.token, token)

    def keep(self, place: Place) -> None:
        """Write it into a log from now on."""

        def lost() -> None:
            self.spawn(self.end("the call goes on elsewhere", "moved"), "moved")

        config = lambda: self.config.model_dump(mode="json")  # noqa: E731 - as short as its use
        self.stream.journal = self._journal = Journal(place, config, lambda: self.state, lost)

    async def sure(self) -> None:
        """Until what was said so far is in the log, if there is one. Fenced, LogUnavailable."""
        if self._journal is not None:
            await self._journal.sure()

    def submit(self, command: Command) -> None:
        """Do what a client asks; what is wrong with it comes back as an error fact."""
        if self.ended:
            return
        if self._life is not None and not isinstance(command, AppendAudio):
            self._life.touch()
        try:
            self.requests.submit(command)
        except BadEvent as error:
            self.refuse(error)
        except Exception:
            # One client's request must not take the call from the others who hear it.
            log.exception("a request failed", session=self.id, request=type(command).__name__)
            message = "The server failed at this request; its log says why."
            self.emit(
                f.Failed("server_error", "internal_error", message, event_id=command.event_id)
            )

    def refuse(self, error: BadEvent) -> None:
        self.emit(f.Failed(error.type, error.code, str(error), error.param, error.event_id))

    def begin(self) -> None:
        """The caller is here."""
        if self.begun or self.ended:
            return
        self.begun = True
        self._life = Life(self._limits, lambda: not self.quiet, self._expire)
        self.emit(self.created(whole=True))
        self._show_state()
        self.remotes.update()
        for trouble in self.cast.troubles:
            self.emit(f.Failed("server_error", trouble.code, trouble.message))
        self.spawn(self._open(self.cast.agent), "start")

    def created(self, *, whole: bool) -> f.SessionCreated:
        """What a leg is told first; `whole`: with what was said before it came."""
        return f.SessionCreated(self.shown(), tuple(self.conversation.items) if whole else ())

    def shown(self) -> dict[str, Any]:
        """The session as the protocol shows it."""
        shown = self.config.effective(self.id, self._names.expires_at)
        # Whoever speaks may know; where nothing is recorded, clients see no unknown field.
        return shown | {"recording": True} if self.recording else shown

    async def say(self, what: str | Audio | Say) -> str:
        """Speak as soon as nobody else does; returns what was heard.

        From within a reply it is said after that reply, which must not wait for it: returns "".
        """
        return await self.sayings.say(what)

    @property
    def inside_reply(self) -> bool:
        """Whether this runs in a reply's task, or in one of its tools."""
        return self._replying is not None

    @property
    def _replying(self) -> Reply | None:
        """The reply in whose task this runs, as agent code may."""
        reply = self._replies.get(REPLYING.get())
        return None if reply is None or reply.made else reply

    def words(self) -> Tap[Words]:
        """What the user says, as it is understood; `final` at the end of each turn."""
        return self.hearing.words()

    def audio(self) -> Tap[Audio]:
        """The user's sound, 16 kHz mono, as it comes."""
        return self.hearing.audio()

    async def interrupt(self) -> str:
        self._live.drop()
        reply = self.live_reply
        if reply is None:
            return ""
        heard = self._futures.setdefault(reply.epoch, self._loop.create_future())
        self.tell(i.CancelReply())
        return await heard

    def stop(self) -> None:
        """End the reply that is under way, as a client wants it."""
        if self.duplex is not None:
            self.spawn(self.duplex.stop(), "stop")
        else:
            self.tell(i.CancelReply())

    async def send(self, name: str, data: Any) -> None:
        try:
            self.emit(f.App(name, snapshot(data)))
        except ValueError as error:
            raise AgentError(f"session.send({name!r}, …): the data is no JSON: {error}") from None

    async def told(self) -> None:
        """Let others go on, until everyone was told what was said so far."""
        await asyncio.sleep(0)
        await self.stream.told()

    async def show(self, image: Image) -> bool:
        return await self.video.show(image)

    async def handoff(self, agent: Agent | str) -> None:
        await hand_off(self, agent)

    async def listen_for(self, what: str | dict[str, Any]) -> None:
        self.next_turn.expect(what)
        self.apply_policy()

    async def finish(self, say: str | None) -> None:
        """End the call, after `say`; from within a reply, after that reply."""
        inside = self._replying
        if inside is None:
            await self._finish(say)
        else:
            self.spawn(self._finish(say, inside), "finish")

    async def _finish(self, say: str | None, after: Reply | None = None) -> None:
        if after is not None:
            await after.over.wait()
        if say is not None:
            await self.say(say)
        # The end cancels all tasks of the session, and this may run in one of them.
        self.spawn(self.end("the agent ended the call"), "finish")

    async def end(self, reason: str, how: f.How = "asked") -> None:
        """End the call; safe to call again."""
        if self.ended:
            return
        self.ended = True
        self._preparing.drop()
        for epoch in list(self._replies):
            if how == "moved":
                # Another process goes on with it, from what was heard.
                self.peer.flush(epoch)
                self._replies.pop(epoch).leave()
            else:
                self._close_reply(epoch, "cancelled", "client_cancelled", 0)
        if self._timer is not None:
            self._timer.cancel()
        if self._life is not None:
            self._life.close()
        self.requests.close()
        self.hearing.close()
        self.video.close()
        self._idle.close()
        self._sentence.stop()
        self.absence.end()
        self.sayings.close()
        if how != "moved" and self._journal is not None and not await self._journal.ours():
            how = "moved"
        if self.cast.agent.on_end is not None and self.begun and how != "moved":
            await self.guard(self.cast.agent.on_end(self.facade, reason), "end", 5.0)
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        if how == "moved":
            # Who goes on reads the log, and clients go as soon as they are told.
            with suppress(TalkoverError):
                await self.sure()
        self.emit(f.Ended(reason, how))
        await self.stream.told()
        self.peer.close()
        self._on_end(self)
        log.info("call ended", session=self.id, reason=reason)

    # ---- what the reply needs ------------------------------------------------------------------

    def emit(self, fact: f.Fact) -> None:
        self.stream.emit(fact, round(self.clock() * 1000))

    def clock(self) -> float:
        """Seconds since the session was made."""
        return self._loop.time() - self._t0

    def reply_made(self, reply: Reply) -> None:
        """All of it was thought and spoken; without sound it is over."""
        if reply.over.is_set() or reply.sounded or reply.has_sound or not reply.confirmed.is_set():
            return
        self._close_reply(reply.epoch, "completed", None, 0)
        self.tell(i.Ended(reply.epoch))

    def take_over(self, peer: Peer, transport: str) -> None:
        """Hear and speak through another peer from now on; `moving` does the rest."""
        self.absence.end()
        self.peer, self.transport = peer, transport
        self.standing.give()
        self.packets.moved()
        self.mute.leave()
        self.hearing.restart()
        self.requests.intake.restart(peer)
        if self.machine.agent in ("ducked", "held"):
            self.tell(i.Resumed(self.machine.epoch))
        self.emit(f.Network(transport))

    @property
    def speaking(self) -> list[Reply]:
        """Replies whose sound a peer has, or may get."""
        return [*self._replies.values(), *self._preparing.replies]

    def is_ending(self, epoch: int) -> bool:
        """Whether a reply was cancelled and only its last place is still to be told."""
        return epoch in self._ending

    def apply_policy(self) -> None:
        """Take up what the config says of turns and of noise."""
        self._feed(self._turn_policy())
        self.standing.give()

    def _turn_policy(self) -> TurnPolicy:
        base = replace(self.cast.turns, partials=self.cast.stt.info.partials)
        policy = turn_policy(
            self.cast.agent, self.config, base, self.next_turn.settings,
            owned=self.cast.s2s is not None,
        )  # fmt: skip
        if self.takeover.on:
            return replace(policy, create_response=False, interruptions="overlap")
        return policy

    # ---- the media thread's items --------------------------------------------------------------

    def handle(self, item: m.Item) -> None:
        """One item of the inbox."""
        if self.ended:
            return
        match item:
            case m.AudioIn(at, pcm):
                self.hearing.sound(self.mute.sound(item))
                self.requests.intake.heard(at + len(pcm) // 2)
            case m.Speech():
                if self.mute.hears(item):
                    self.hearing.speech(item)
            case m.Ducked() | m.Held() | m.Resumed():
                self._level(item)
            case m.Started():
                self._audible(item)
            case m.WordBegan(epoch, index):
                self._word(epoch, index)
            case m.Guarded(epoch, on):
                self.tell(i.Guarded(epoch, on))
            case m.Room(epoch, _):
                if epoch in self._replies:
                    self._replies[epoch].room()
            case m.Stopped(epoch, played):
                self._close_reply(epoch, "completed", None, played)
                self.tell(i.Ended(epoch))
            case m.Flushed(epoch, played):
                self._flushed(epoch, played)
            case m.Output(epoch, pcm):
                if epoch in self._replies:
                    self._replies[epoch].output(pcm)
            case m.Connected(transport):
                self.transport = transport
                self.emit(f.Network(transport))
                self.begin()
            case m.Text(text):
                self.requests.text(text)
            case m.Closed(reason) if reason == BY_CALLER:
                self.spawn(self.end(reason, "left"), "closed")
            case m.Closed(reason):
                self.absence.begin(reason)
            case m.Rtt(ms, loss):
                self.hearing.travelled(ms / 2000)
                self.emit(f.Network(self.transport, ms, loss))
            case m.Video():
                self.video.agreed(item)
            case m.Picture():
                self.video.came(item)
            case m.KeyFrame():
                self.video.came_undecoded(item)
            case m.Packet():
                self.packets.take(item)
            case m.Quiet() | m.Back() | m.Open() | m.Described():
                log.debug("link", session=self.id, state=type(item).__name__)

    def _level(self, item: m.Ducked | m.Held | m.Resumed) -> None:
        reply = self._replies.get(item.epoch)
        if reply is None:
            return
        name = type(item).__name__
        self._sentence.stop()
        self.emit({"Ducked": f.Ducked, "Held": f.Held, "Resumed": f.Resumed}[name](reply.id))
        self.tell({"Ducked": i.Ducked, "Held": i.Held, "Resumed": i.Resumed}[name](item.epoch))

    def _audible(self, item: m.Started) -> None:
        reply = self._replies.get(item.epoch)
        if reply is not None:
            first = reply.stamps.audible is None
            reply.stamps.audible = reply.stamps.audible or self.clock() - item.age
            self.emit(f.AudioStarted(reply.id, item.rtp))
            if first:
                self.tell_timings(reply)
            self.tell(i.Audible(item.epoch))
            self._sentence.look()

    def _word(self, epoch: int, index: int) -> None:
        reply = self._replies.get(epoch)
        word = reply.word(index) if reply is not None else None
        if reply is not None and word is not None:
            self.emit(f.Word(reply.id, word.item, word.start, word.end, word.text))
            self._sentence.look()

    # ---- the machine's outputs -----------------------------------------------------------------

    def tell(self, given: i.Input) -> None:
        """An input for the turn machine."""
        if not self.ended:
            self._perform(self._feed(given))

    def _timeout(self) -> None:
        self._timer = None
        self._perform(self._feed(Timeout()))

    def _feed(self, given: Given) -> tuple[o.Output, ...]:
        now = self.clock()
        made = feed(self.machine, now, given)
        if self.on_step is not None:
            self.on_step(Step(now, given, made))
        return made

    def _perform(self, outputs: tuple[o.Output, ...]) -> None:
        for output in outputs:
            self._do(output)
        self._show_state()
        self._idle.look()
        if self._life is not None:
            self._life.touch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.machine.deadline()
        if deadline is not None and not self.ended:
            self._timer = self._loop.call_at(self._t0 + deadline, self._timeout)

    @property
    def quiet(self) -> bool:
        """Nobody speaks, and no reply is under way."""
        return self.machine.user == "silent" and self.machine.agent == "listening"

    @property
    def settled(self) -> bool:
        """Quiet, and nothing is under way that would still be said or written."""
        waiting = self.speaking or self._waiting_start or self._ending or self.sayings.waiting
        busy = any(task.get_name() not in ("start", "departure") for task in self._tasks)
        return self.begun and self.quiet and not waiting and not busy

    def _show_state(self) -> None:
        user = "silent" if self.machine.user == "silent" else "speaking"
        if (user, self.machine.agent) != self._said:
            self._said = (user, self.machine.agent)
            self.emit(f.State(user, self.machine.agent))

    def _do(self, output: o.Output) -> None:
        match output:
            case o.BeginTurn(_, at, words) | o.ReopenTurn(_, at, words):
                if isinstance(output, o.BeginTurn) and self.next_turn.begins():
                    self.apply_policy()
                self.hearing.begin(at, words)
            case o.CommitTurn(_, end, why):
                self._decided("commit", why)
                self.next_turn.committed()
                self.hearing.commit(end)
            case o.DiscardTurn(_, why):
                self._decided("discard", why)
                self.hearing.discard()
            case o.StartReply() | o.PrepareReply():
                self._waiting_start.append(output)
                self._start_waiting()
            case o.ConfirmReply(epoch):
                self._confirm(epoch)
            case o.DiscardReply(epoch):
                self._discard_reply(epoch)
            case o.WithholdReply(epoch):
                if epoch in self._replies:
                    self._replies[epoch].withhold()
            case o.CancelReply():
                self._decided("interrupt", output.why)
                self._cancel(output)
            case o.Resume(epoch, why):
                self._decided("resume", why)
                if epoch in self._replies:
                    self._replies[epoch].let_go()
                self.peer.resume()
            case o.EndSentence(epoch):
                self._sentence.end(epoch)
            case o.Backchannel(text):
                self.emit(f.Backchannel(text))
            case o.Ignore():
                self.hearing.ignore()

    def _decided(self, what: f.Decision, why: str) -> None:
        self.emit(f.Decided(what, why))

    # ---- replies -------------------------------------------------------------------------------

    def _start_waiting(self) -> None:
        # What is still being flushed ends on the wire before the next begins.
        while self._waiting_start and not self._ending:
            match self._waiting_start.pop(0):
                case o.StartReply() as start:
                    self._start(start)
                case o.PrepareReply(epoch, words):
                    self._preparing.begin(epoch, words)

    def _start(self, start: o.StartReply) -> None:
        if start.epoch != self.machine.epoch:
            return
        params = ResponseParams()
        if start.cause == "create" and self._asked is not None:
            params, self._asked = self._asked, None
        if start.cause == "backchannel":
            params = ResponseParams(conversation=False)
        reply = make_reply(
            self,
            start.epoch,
            self.peer_for(params),
            Stamps(self.hearing.turn_end(start.cause)),
            params,
        )
        self._replies[start.epoch] = reply
        if start.cause in ("say", "aside", "backchannel", "live"):
            live = start.cause == "live"
            reply.start(self._floor.burst if live else self.sayings.pieces(start, self._futures))
            return
        self._answer(params, reply)

    def _answer(self, params: ResponseParams, reply: Reply) -> None:
        if (duplex := self.duplex) is not None:
            reply.start(lambda: duplex.answer(params.instructions, self._live))
            return
        sound = self.hearing.utterance.sound if self.hearing.utterance is not None else b""
        brain = make_brain(self, params, reply, sound, self.conversation)
        self._brains[reply.epoch] = brain
        reply.start(lambda: self._think(brain))

    def peer_for(self, params: ResponseParams) -> Peer | None:
        """Who speaks such a reply; None where it is written."""
        text = (params.modality or self.config.modality) == "text"
        return None if text else self.peer

    # ---- an answer prepared before the turn is surely over -------------------------------------

    def _confirm(self, epoch: int) -> None:
        prepared = self._preparing.take()
        if prepared is None:
            self._waiting_start.append(o.StartReply(epoch, "turn"))
            self._start_waiting()
            return
        reply, brain = prepared
        reply.stamps.turn = self.hearing.turn_end("turn")
        self._replies[epoch], self._brains[epoch] = reply, brain
        reply.confirm()
        if reply.made:
            self.reply_made(reply)

    def _discard_reply(self, epoch: int) -> None:
        self._waiting_start = [s for s in self._waiting_start if s.epoch != epoch]
        if self._preparing.replies:
            self.peer.flush(epoch)
        self._preparing.drop()

    async def _think(self, brain: Brain) -> AsyncGenerator[Piece]:
        waiting = [task for task in self._tasks if task.get_name() == "transcribe"]
        if waiting:
            await asyncio.wait(waiting)
        async for piece in brain.pieces():
            yield piece

    def reply(self, id: str) -> Reply | None:
        """One that is under way, or that was a short while ago."""
        return next((r for r in (*self._replies.values(), *self._over) if r.id == id), None)

    def tell_timings(self, reply: Reply) -> None:
        """The account of a reply as far as it is known."""
        if timings := reply.stamps.timings():
            self.emit(f.TurnTimings(reply.id, timings))

    def _cancel(self, cancelled: o.CancelReply) -> None:
        epoch = cancelled.epoch
        self._waiting_start = [s for s in self._waiting_start if s.epoch != epoch]
        reply = self._replies.get(epoch)
        if reply is None:
            return
        self.peer.flush(epoch)
        reply.cancel()
        if not reply.sounded:
            self._close_reply(epoch, "cancelled", cancelled.reason, 0)
            return
        self._ending[epoch] = cancelled
        self._loop.call_later(FLUSH_PATIENCE_S, self._flushed, epoch, 0)

    def _flushed(self, epoch: int, played_ms: int) -> None:
        cancelled = self._ending.pop(epoch, None)
        if cancelled is not None:
            self._close_reply(epoch, "cancelled", cancelled.reason, played_ms)
            self._start_waiting()

    def _close_reply(
        self, epoch: int, status: f.ReplyStatus, reason: str | None, played_ms: int
    ) -> None:
        reply = self._replies.pop(epoch, None)
        if reply is None:
            return
        reply.close(status, reason, played_ms)
        self._over.append(reply)
        future = self._futures.pop(epoch, None)
        if future is not None and not future.done():
            future.set_result(reply.heard)
        if not self.ended:
            self.standing.give()
        brain = self._brains.pop(epoch, None)
        if brain is not None and brain.agent.on_after is not None:
            brain.heard, brain.interrupted = reply.heard, status == "cancelled"
            brain.timings = reply.stamps.timings()
            self.spawn(brain.agent.on_after(brain.turn), "after")
        self.requests.reply_over()
        if self._floor.waiting and not self.ended:
            self._loop.call_soon(self.tell, i.Speak())

    @property
    def _floor(self) -> Live:
        """Who speaks without turns: the agent's generator, or a human in its place."""
        return self.takeover.live if self.takeover.on else self._live

    @property
    def live_reply(self) -> Reply | None:
        """The reply that is being thought up or heard; one that was cancelled is neither."""
        if self.machine.agent == "listening":
            return None
        return self._replies.get(self.machine.epoch)

    def reply_of(self, item: str) -> Reply | None:
        """The ended reply that an item belongs to, while it is remembered."""
        return next((reply for reply in reversed(self._over) if reply.holds(item)), None)

    # ---- tasks ---------------------------------------------------------------------------------

    async def _open(self, agent: Agent) -> None:
        new = self._past.is_empty
        if new and agent.on_start is not None:
            await agent.on_start(self.facade)
            # Which may have given the call away.
            agent = self.cast.agent
        if self.config.type == "transcription":
            return
        if not new:
            await self.absence.over()
            await go_on(self, self._past)
        elif agent.greeting and self.cast.s2s is None:
            await self.say(agent.greeting)
        floor = floor_holder(self)
        if floor is not None:
            await self._live.run(floor)

    def apologize(self) -> None:
        if not self.takeover.on:
            self.spawn(self.say(self.cast.agent.apology), "apology")

    def spawn(self, work: Awaitable[Any], name: str) -> None:
        """Run the agent's code beside the call; what it raises ends nothing."""
        task = asyncio.create_task(self.guard(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if asyncio.iscoroutine(work):
            # A call may end before the task has taken its first step.
            task.add_done_callback(lambda _: work.close())

    async def guard(self, work: Awaitable[Any], name: str, seconds: float | None = None) -> None:
        """Run the agent's code; what it raises is told and ends nothing."""
        try:
            async with asyncio.timeout(seconds):
                await work
        except TalkoverError as error:
            self.emit(f.Failed("agent_error", error.code, error.message))
        except Exception:
            log.exception("agent code raised", session=self.id, where=name)
            message = f"The agent's {name} function raised; see the server's log."
            self.emit(f.Failed("agent_error", "agent_error", message))

    def _expire(self, reason: str) -> None:
        self.emit(
            f.Failed("invalid_request_error", "session_expired", f"The session ends: {reason}.")
        )
        self.spawn(self.end(reason, "expired"), "expire")

    def ask(self, params: ResponseParams) -> None:
        """How the reply to the next `Create` is to be."""
        self._asked = params
