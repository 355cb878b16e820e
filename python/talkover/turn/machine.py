"""The turn machine: inputs and the time in, outputs and a deadline out. Sans-IO.

`TABLE` is the whole of it: each row says for which states an input does what. The picture in
`docs/turns.md` is drawn from the same rows.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

from . import inputs as i
from . import outputs as o
from .endpointing import wait_ms
from .interruption import content_words, kind
from .policy import TurnPolicy

User = Literal["silent", "speaking", "pausing", "overlapping", "judged"]
"""`overlapping`: speaks over the agent, undecided. `judged`: did, and its words are awaited."""
Agent = Literal["listening", "thinking", "speaking", "ducked", "held"]

VOICED: frozenset[str] = frozenset(("speaking", "ducked", "held"))
LIVE: frozenset[str] = VOICED | {"thinking"}
EVERY_AGENT: frozenset[str] = LIVE | {"listening"}
EVERY_USER: frozenset[str] = frozenset(("silent", "speaking", "pausing", "overlapping", "judged"))


class Timeout:
    """The deadline passed; an input like the others, for the table."""


class TurnMachine:
    """One conversation's floor. `handle`, then `poll` until empty, then wait for `deadline`."""

    def __init__(self, policy: TurnPolicy) -> None:
        self.policy = policy
        self.user: User = "silent"
        self.agent: Agent = "listening"
        self.epoch = 0
        self.turn = 0
        self._out: deque[o.Output] = deque()
        self._cause: o.Cause = "turn"
        self._open = False
        self._owed = False
        self._says = 0
        self._began = 0.0
        self._last = 0.0
        self._audible = 0.0
        self._words = i.Heard("", final=False)
        self._deadline: float | None = None

    def handle(self, given: i.Input, now: float) -> None:
        """Take an input. `now` never goes back."""
        self._dispatch(given, now)

    def handle_timeout(self, now: float) -> None:
        """Call at `deadline` or any time after."""
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._dispatch(Timeout(), now)

    def deadline(self) -> float | None:
        return self._deadline

    def poll(self) -> list[o.Output]:
        """What is to be done, in order."""
        out = list(self._out)
        self._out.clear()
        return out

    def _dispatch(self, given: i.Input | Timeout, now: float) -> None:
        epoch = getattr(given, "epoch", self.epoch)
        if epoch != self.epoch:
            return
        for row in TABLE:
            if row.on is type(given) and self.user in row.user and self.agent in row.agent:
                getattr(self, f"_{row.do}")(given, now)
                return

    # ---- the user's turn ---------------------------------------------------------------------

    def _begin(self, given: i.SpeechStarted, now: float) -> None:
        if self.policy.mode == "manual":
            return
        self.turn += 1
        self._begin_words(given.at)
        self._open = True
        self.user = "speaking"
        self._out.append(o.BeginTurn(self.turn, given.at))

    def _begin_words(self, at: float) -> None:
        self._began = self._last = at
        self._words = i.Heard("", final=False)
        self._deadline = None

    def _go_on(self, given: i.SpeechStarted, now: float) -> None:
        self.user = "speaking"
        self._deadline = None
        self._words = i.Heard(self._words.text, final=False)

    def _reopen(self, given: i.SpeechStarted, now: float) -> None:
        if self.policy.mode == "manual":
            return
        if self._cause != "turn":
            return self._overlap(given, now)
        self._cancel("turn_detected")
        self._open = True
        self._go_on(given, now)
        self._out.append(o.ReopenTurn(self.turn))

    def _pause(self, given: i.SpeechStopped, now: float) -> None:
        self.user = "pausing"
        self._last = given.at
        self._await_end(now)

    def _await_end(self, now: float) -> None:
        wait, _ = wait_ms(self._words.text, self._words.complete, self.policy)
        self._deadline = max(now, self._last + wait / 1000)

    def _words_while_speaking(self, given: i.Heard, now: float) -> None:
        self._words = given

    def _words_in_pause(self, given: i.Heard, now: float) -> None:
        self._words = given
        self._await_end(now)

    def _end_turn(self, given: Timeout, now: float) -> None:
        most = self._last + self.policy.silence_most_ms / 1000
        if not self._words.final and now < most:
            self._deadline = most
            return
        wait, why = wait_ms(self._words.text, self._words.complete, self.policy)
        self.user, self._open = "silent", False
        if not self._words.text.strip():
            self._out.append(o.DiscardTurn(self.turn))
        else:
            self._out.append(o.CommitTurn(self.turn, self._last, f"{why}: {wait} ms"))
            self._owed = self.policy.create_response
        self._next()

    def _commit(self, given: i.Commit, now: float) -> None:
        if not self._open:
            self.turn += 1
        self._open = False
        self.user, self._deadline = "silent", None
        self._out.append(o.CommitTurn(self.turn, now, "the client ended it"))
        self._owed = self.policy.create_response and self.policy.mode == "vad"
        self._next()

    def _clear(self, given: i.Clear, now: float) -> None:
        if self._open:
            self._open = False
            self._out.append(o.DiscardTurn(self.turn))
        self.user, self._deadline = "silent", None
        self._next()

    # ---- the agent's turn --------------------------------------------------------------------

    def _start(self, cause: o.Cause) -> None:
        self.epoch += 1
        self._cause = cause
        self.agent = "thinking"
        self._out.append(o.StartReply(self.epoch, cause))

    def _create(self, given: i.Create, now: float) -> None:
        if self.agent != "listening":
            self._cancel("client_cancelled")
        self._owed = False
        self._start("create")

    def _say(self, given: i.Say, now: float) -> None:
        self._says += 1
        self._next()

    def _aside(self, given: i.Aside, now: float) -> None:
        self._start("aside")

    def _next(self) -> None:
        if self.agent != "listening" or self.user != "silent":
            return
        if self._owed:
            self._owed = False
            self._start("turn")
        elif self._says:
            self._says -= 1
            self._start("say")

    def _cancel(self, reason: i.Reason) -> None:
        self._out.append(o.CancelReply(self.epoch, reason))
        self.agent = "listening"
        if self.user in ("overlapping", "judged"):
            self._forget()

    def _forget(self) -> None:
        self.user, self._deadline = "silent", None
        self._out.append(o.Ignore())

    def _cancelled(self, given: i.CancelReply, now: float) -> None:
        self._cancel("client_cancelled")
        self._next()

    def _sounds(self, given: i.Audible, now: float) -> None:
        self.agent = "speaking"
        self._audible = now

    def _ended(self, given: i.Ended, now: float) -> None:
        self.agent = "listening"
        self._next()

    def _ended_under(self, given: i.Ended, now: float) -> None:
        # The agent was done anyway: what the user is saying is simply the next turn.
        self.agent = "listening"
        self._take_floor()
        if self.user == "pausing":
            self._await_end(now)

    def _level(self, given: i.Ducked | i.Held | i.Resumed, now: float) -> None:
        match given:
            case i.Ducked():
                self.agent = "ducked"
            case i.Held():
                self.agent = "held"
            case i.Resumed():
                self.agent = "speaking"

    # ---- both at once ------------------------------------------------------------------------

    def _overlap(self, given: i.SpeechStarted, now: float) -> None:
        if self.policy.mode == "manual" or self.policy.interruptions == "no":
            return
        if self.policy.interruptions == "overlap" or self._cause == "aside":
            return self._begin(given, now)
        self._begin_words(given.at)
        self.user = "overlapping"
        self._deadline = given.at + self.policy.interrupt_ms / 1000

    def _overlap_ends(self, given: i.SpeechStopped, now: float) -> None:
        self.user = "judged"
        self._last = given.at
        if self._words.final:
            self._judge(now)
        else:
            self._deadline = now + self.policy.decide_ms / 1000

    def _overlap_again(self, given: i.SpeechStarted, now: float) -> None:
        self.user = "overlapping"
        self._words = i.Heard(self._words.text, final=False)
        self._deadline = max(now, self._began + self.policy.interrupt_ms / 1000)

    def _overlap_words(self, given: i.Heard, now: float) -> None:
        self._words = given
        early = self._began < self._audible + self.policy.early_ms / 1000
        if early and now < self._began + self.policy.early_interrupt_ms / 1000:
            return
        enough = content_words(given.text) >= self.policy.interrupt_words
        if kind(given.text) == "command" or enough:
            self._interrupt(now)

    def _overlap_lasts(self, given: Timeout, now: float) -> None:
        if kind(self._words.text) == "backchannel":
            # A long "yeah, right, okay" is still one; the voice itself decides at twice the time.
            limit = self._began + 2 * self.policy.interrupt_ms / 1000
            if now < limit:
                self._deadline = limit
                return
        self._interrupt(now)

    def _judged_words(self, given: i.Heard, now: float) -> None:
        self._words = given
        if given.final:
            self._judge(now)

    def _judge(self, now: float) -> None:
        if kind(self._words.text) in ("command", "content"):
            self._interrupt(now)
        else:
            self._false_alarm(None, now)

    def _false_alarm(self, given: Any, now: float) -> None:
        self._out.append(o.Resume(self.epoch))
        if kind(self._words.text) == "backchannel":
            self._out.append(o.Backchannel(self._words.text))
        self._forget()

    def _interrupt(self, now: float) -> None:
        user = self.user
        self._out.append(o.CancelReply(self.epoch, "turn_detected"))
        self.agent = "listening"
        self.user = user
        self._take_floor()
        if self.user == "pausing":
            self._await_end(now)

    def _take_floor(self) -> None:
        self.turn += 1
        self._open, self._deadline = True, None
        self.user = "speaking" if self.user == "overlapping" else "pausing"
        self._out.append(o.BeginTurn(self.turn, self._began, self._words.text))


@dataclass(frozen=True, slots=True)
class Row:
    """For these states, `on` runs the method `_do`; `then` says what it becomes, for people."""

    on: type
    user: frozenset[str]
    agent: frozenset[str]
    do: str
    then: str


def _row(
    on: type,
    user: str,
    agent: frozenset[str],
    do: str,
    then: str,
) -> Row:
    users = EVERY_USER if user == "any" else frozenset(user.split())
    return Row(on, users, agent, do, then)


_LISTENING: frozenset[str] = frozenset(("listening",))
_THINKING: frozenset[str] = frozenset(("thinking",))

TABLE: tuple[Row, ...] = (
    _row(i.SpeechStarted, "silent", _LISTENING, "begin", "user speaking: a turn begins"),
    _row(i.SpeechStarted, "silent", _THINKING, "reopen",
         "user speaking: the unheard reply is cancelled, the turn goes on"),
    _row(i.SpeechStarted, "silent", VOICED, "overlap", "user overlapping: undecided"),
    _row(i.SpeechStarted, "pausing", EVERY_AGENT, "go_on", "user speaking: the turn goes on"),
    _row(i.SpeechStarted, "judged", LIVE, "overlap_again", "user overlapping again"),
    _row(i.SpeechStopped, "speaking", EVERY_AGENT, "pause", "user pausing: wait by the words"),
    _row(i.SpeechStopped, "overlapping", LIVE, "overlap_ends",
         "user judged: wait for the words"),
    _row(i.Heard, "speaking", EVERY_AGENT, "words_while_speaking", "remembered"),
    _row(i.Heard, "pausing", EVERY_AGENT, "words_in_pause", "the wait is reckoned anew"),
    _row(i.Heard, "overlapping", LIVE, "overlap_words",
         "a command or two content words interrupt: user speaking"),
    _row(i.Heard, "judged", LIVE, "judged_words",
         "final words decide: user pausing (interrupts) or silent (agent goes on)"),
    _row(Timeout, "pausing", EVERY_AGENT, "end_turn",
         "user silent: the turn is committed and answered, or discarded if it had no words"),
    _row(Timeout, "overlapping", LIVE, "overlap_lasts",
         "long enough to interrupt: user speaking"),
    _row(Timeout, "judged", LIVE, "false_alarm", "no words came: user silent, agent goes on"),
    _row(i.Commit, "any", EVERY_AGENT, "commit", "user silent: the turn is committed"),
    _row(i.Clear, "any", EVERY_AGENT, "clear", "user silent: the turn is discarded"),
    _row(i.Create, "any", EVERY_AGENT, "create",
         "agent thinking: a reply starts, in place of one under way"),
    _row(i.Say, "any", EVERY_AGENT, "say", "agent thinking as soon as nobody speaks"),
    _row(i.Aside, "speaking pausing", _LISTENING, "aside",
         "agent thinking: it speaks while the user does"),
    _row(i.CancelReply, "any", LIVE, "cancelled", "agent listening: the reply is cancelled"),
    _row(i.Audible, "any", _THINKING, "sounds", "agent speaking"),
    _row(i.Ducked, "any", VOICED, "level", "agent ducked"),
    _row(i.Held, "any", VOICED, "level", "agent held"),
    _row(i.Resumed, "any", VOICED, "level", "agent speaking"),
    _row(i.Ended, "overlapping judged", LIVE, "ended_under",
         "agent listening: what the user says is the next turn"),
    _row(i.Ended, "silent speaking pausing", LIVE, "ended",
         "agent listening: what is owed comes next"),
)  # fmt: skip
