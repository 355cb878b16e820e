"""The turn machine: inputs and the time in, outputs and a deadline out. Sans-IO.

`TABLE` is the whole of it: each row says for which states an input does what. The picture in
`docs/turns.md` is drawn from the same rows.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from . import inputs as i
from . import outputs as o
from .endpointing import ending, wait_ms
from .interruption import content_words, kind
from .policy import Interruptions, TurnPolicy

User = Literal["silent", "speaking", "pausing", "overlapping", "judged"]
"""`overlapping`: speaks over the agent, undecided. `judged`: did, and its words are awaited."""
Agent = Literal["listening", "preparing", "thinking", "speaking", "ducked", "held"]
"""`preparing`: thinks up an answer that nobody hears of unless the pause is the end."""

VOICED: frozenset[str] = frozenset(("speaking", "ducked", "held"))
LIVE: frozenset[str] = VOICED | {"thinking"}
ANSWERS: frozenset[str] = frozenset(("turn", "create", "due"))
"""Causes of replies that are thought up with all that the conversation has."""
EVERY_AGENT: frozenset[str] = LIVE | {"listening", "preparing"}
EVERY_USER: frozenset[str] = frozenset(("silent", "speaking", "pausing", "overlapping", "judged"))

WORDS_MOST_S = 20.0
"""A recogniser that says nothing for so long is dead, whatever it promised."""
SOON_S = 0.02
"""A turn that ends so soon is answered without preparation."""


@dataclass(frozen=True, slots=True)
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
        self.cause: o.Cause = "turn"
        """Why the reply of `epoch` is given."""
        self._open = False
        self._owed = False
        self._due = False
        self._says = 0
        self._voice_at: float | None = None
        self._began = 0.0
        self._echo_db: float | None = None
        self._last = 0.0
        self._stretch = 0.0
        self._voiced_before = 0.0
        self._audible = 0.0
        self._hummed = 0.0
        self._guarded = False
        self._late = False
        self._prepared = ""
        self._words = i.Heard("", final=False)
        self._likely: float | None = None
        self._deadline: float | None = None

    @property
    def due(self) -> bool:
        """There is something to answer though nobody spoke."""
        return self._due

    def handle(self, given: i.Input, now: float) -> None:
        """Take an input. `now` never goes back."""
        match given:
            case i.SpeechStarted(at):
                self._voice_at = at
            case i.SpeechStopped():
                self._voice_at = None
            case _:
                pass
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

    def fork(self, policy: TurnPolicy) -> TurnMachine:
        """Another machine in the same state, to go on under `policy`."""
        other = TurnMachine(policy)
        vars(other).update(vars(self) | {"policy": policy, "_out": deque(self._out)})
        return other

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
        self._begin_words(given)
        self._hummed = given.at
        self._open = True
        self._speak_on(now)
        self._out.append(o.BeginTurn(self.turn, given.at))

    def _begin_words(self, given: i.SpeechStarted) -> None:
        self._began = self._last = self._stretch = given.at
        self._voiced_before = 0.0
        self._echo_db = given.echo_db
        self._words, self._likely = i.Heard("", final=False), None
        self._late, self._deadline = False, None

    def _speak_on(self, now: float) -> None:
        """The user speaks; a voice that never ends, or never has a word, ends here."""
        self.user = "speaking"
        wordless = self.policy.partials and not self._words.text.strip()
        most = self.policy.turn_most_s
        if wordless:
            most = min(most, self.policy.noise_ms / 1000)
        self._deadline = max(now, self._began + most)

    def _go_on(self, given: i.SpeechStarted, now: float) -> None:
        self._unprepare()
        self._words, self._likely = i.Heard(self._words.text, final=False), None
        self._speak_on(now)

    def _too_long(self, given: Timeout, now: float) -> None:
        if self._words.text.strip():
            self._end("the longest turn is over", now)
        else:
            # What goes on making noise is not heard out after the next reply either.
            self._voice_at = None
            self._drop("it was noise: a voice without a word")
            self._next()

    def _pause(self, given: i.SpeechStopped, now: float) -> None:
        self.user = "pausing"
        self._last = given.at
        self._await_end(now)

    def _await_end(self, now: float) -> None:
        wait, _ = self._wait()
        self._deadline = max(now, self._last + wait / 1000)

    def _wait(self) -> tuple[int, str]:
        return wait_ms(self._words.text, self._words.complete, self._likely, self.policy)

    def _words_while_speaking(self, given: i.Heard, now: float) -> None:
        self._words = given
        self._speak_on(now)

    def _words_in_pause(self, given: i.Heard, now: float) -> None:
        if self._words.final and not given.final:
            # A straggler: the pause has its final words already.
            return
        self._words = given
        if given.text != self._prepared:
            self._unprepare()
        self._weigh(now)

    def _weigh_likely(self, given: i.Likely, now: float) -> None:
        self._likely = given.probability
        self._weigh(now)

    def _weigh(self, now: float) -> None:
        """New evidence: reckon the wait anew, and use it."""
        self._await_end(now)
        if not self._words.final or not self._words.text.strip() or self.agent != "listening":
            return
        if ending(self._words.text) == "open" and self._words.complete is not True:
            self._hum()
        elif self._wait()[0] < self.policy.silence_incomplete_ms:
            self._prepare(now)

    def _hum(self) -> None:
        every = self.policy.backchannel_ms / 1000
        if every and self._last - self._hummed >= every:
            self._hummed = self._last
            self._start("backchannel")

    def _end_turn(self, given: Timeout, now: float) -> None:
        known = bool(self._words.text.strip())
        most = self._last + (self.policy.silence_most_ms / 1000 if known else WORDS_MOST_S)
        if not self._words.final and now < most:
            self._deadline = most
            return
        voiced = round((self._last - self._began) * 1000)
        if known:
            wait, why = self._wait()
            self._end(f"{why}: {wait} ms of silence", now)
        elif self._words.final and voiced >= self.policy.unheard_ms:
            self._end(f"{voiced} ms of voice, and no word of it was understood", now)
        else:
            self._drop("no words in it")
            self._next()

    def _end(self, why: str, now: float) -> None:
        end = self._last if self.user == "pausing" else now
        self.user, self._open, self._deadline = "silent", False, None
        self._out.append(o.CommitTurn(self.turn, end, why))
        self._owed = self.policy.create_response
        if not self._owed:
            # Nobody is to answer any more, a human has the call: what was prepared is for nothing.
            self._unprepare()
        elif self.agent == "preparing":
            self.agent, self._owed, self._due = "thinking", False, False
            self._prepared = ""
            self._out.append(o.ConfirmReply(self.epoch))
        self._next()

    def _drop(self, why: str) -> None:
        self._unprepare()
        if self._open:
            self._open = False
            self._out.append(o.DiscardTurn(self.turn, why))
        self.user, self._deadline = "silent", None

    def _commit(self, given: i.Commit, now: float) -> None:
        self._unprepare()
        if not self._open:
            self.turn += 1
        self._open = False
        self.user, self._deadline = "silent", None
        self._out.append(o.CommitTurn(self.turn, now, "the client ended it"))
        self._owed = self.policy.create_response and self.policy.mode == "vad"
        self._next()

    def _clear(self, given: i.Clear, now: float) -> None:
        self._drop("the client cleared it")
        self._next()

    def _nobodys(self, given: i.SpeechStopped, now: float) -> None:
        # Said over a voice that may not be interrupted, or left over from noise.
        if self.policy.mode == "vad":
            self._out.append(o.Ignore())

    # ---- the agent's turn --------------------------------------------------------------------

    def _start(self, cause: o.Cause) -> None:
        self._new_reply(cause, "thinking")
        self._out.append(o.StartReply(self.epoch, cause))

    def _new_reply(self, cause: o.Cause, agent: Agent) -> None:
        self.epoch += 1
        self.cause, self.agent = cause, agent
        self._guarded = False
        if cause in ANSWERS and agent == "thinking":
            self._due = False

    def _prepare(self, now: float) -> None:
        policy = self.policy
        soon = self._deadline is not None and self._deadline <= now + SOON_S
        if policy.speculate and policy.create_response and not soon:
            self._new_reply("turn", "preparing")
            self._prepared = self._words.text
            self._out.append(o.PrepareReply(self.epoch, self._prepared))

    def _unprepare(self) -> None:
        if self.agent == "preparing":
            self.agent, self._prepared = "listening", ""
            self._out.append(o.DiscardReply(self.epoch))

    def _create(self, given: i.Create, now: float) -> None:
        self._unprepare()
        if self.agent != "listening":
            self._cancel("client_cancelled", "another reply was asked for")
        self._owed = False
        self._start("create")

    def _say(self, given: i.Say, now: float) -> None:
        self._says += 1
        self._next()

    def _is_due(self, given: i.Due, now: float) -> None:
        self._due = True
        if given.soon and self.agent in LIVE and self.cause in ANSWERS:
            self._out.append(o.EndSentence(self.epoch))
        self._next()

    def _told(self, given: i.Told, now: float) -> None:
        self._due = False

    def _sentence(self, given: i.SentenceEnded, now: float) -> None:
        if self._due and not self._guarded:
            self._cancel("client_cancelled", "a result is there; what was being said ended here")
            self._next()

    def _aside(self, given: i.Aside, now: float) -> None:
        self._start("aside")

    def _speak(self, given: i.Speak, now: float) -> None:
        self._unprepare()
        self._start("live")

    def _next(self) -> None:
        if self.agent != "listening" or self.user != "silent":
            return
        if self._owed:
            self._owed = False
            self._start("turn")
        elif self._due:
            self._start("due")
        elif self._says:
            self._says -= 1
            self._start("say")

    def _cancel(self, reason: i.Reason, why: str) -> None:
        self._out.append(o.CancelReply(self.epoch, reason, why))
        self.agent = "listening"
        if self.user in ("overlapping", "judged"):
            self._forget()

    def _forget(self) -> None:
        self.user, self._deadline = "silent", None
        self._out.append(o.Ignore())

    def _cancelled(self, given: i.CancelReply, now: float) -> None:
        self._cancel("client_cancelled", "the client cancelled it")
        self._next()

    def _sounds(self, given: i.Audible, now: float) -> None:
        self.agent = "speaking"
        self._audible = now

    def _guard(self, given: i.Guarded, now: float) -> None:
        self._guarded = given.on
        if not given.on:
            self._hear_out(now)

    def _ended(self, given: i.Ended, now: float) -> None:
        self.agent = "listening"
        self._hear_out(now)
        self._next()

    def _hear_out(self, now: float) -> None:
        """Who spoke on where it could not interrupt is heard as soon as it can."""
        if self.user == "silent" and self._voice_at is not None:
            self._dispatch(i.SpeechStarted(self._voice_at), now)

    def _ended_under(self, given: i.Ended, now: float) -> None:
        # The agent was done anyway: what the user is saying is simply the next turn.
        self.agent = "listening"
        self._take_floor(now)

    def _level(self, given: i.Ducked | i.Held | i.Resumed, now: float) -> None:
        match given:
            case i.Ducked():
                self.agent = "ducked"
            case i.Held():
                self.agent = "held"
            case i.Resumed():
                self.agent = "speaking"

    # ---- both at once ------------------------------------------------------------------------

    @property
    def interruptions(self) -> Interruptions:
        """The policy for what is being said now."""
        return "no" if self._guarded else self.policy.interruptions

    def _overlap(self, given: i.SpeechStarted, now: float) -> None:
        if self.policy.mode == "manual" or self.interruptions == "no":
            return
        if self.interruptions == "overlap" or self.cause in ("aside", "backchannel", "live"):
            return self._begin(given, now)
        self._begin_words(given)
        self.user = "overlapping"
        self._deadline = max(now, given.at + self.policy.interrupt_ms / 1000)

    def _overlap_unheard(self, given: i.SpeechStarted, now: float) -> None:
        if self.cause != "turn":
            return self._overlap(given, now)
        if self.policy.mode == "manual":
            return
        # Perhaps the user had not ended: the answer waits, and a cough does not cost it.
        self._begin_words(given)
        self._late = True
        self.user = "overlapping"
        self._deadline = max(now, given.at + self.policy.late_ms / 1000)
        self._out.append(o.WithholdReply(self.epoch))

    @property
    def _enough_ms(self) -> int:
        """Voice that interrupts by its length where words say nothing against it."""
        return self.policy.late_ms if self._late else self.policy.interrupt_ms

    def _voiced_ms(self, now: float) -> float:
        """Voice of this overlap, less the quiet in it: noise comes in bits and pieces."""
        stretch = now - self._stretch if self.user == "overlapping" else 0.0
        return (self._voiced_before + stretch) * 1000

    def _overlap_ends(self, given: i.SpeechStopped, now: float) -> None:
        self.user = "judged"
        self._last = given.at
        self._voiced_before += given.at - self._stretch
        if self._words.final:
            self._judge(now)
            return
        much = self._voiced_ms(now) >= self.policy.cough_ms
        wait = self.policy.silence_most_ms if much else self.policy.decide_ms
        self._deadline = now + wait / 1000

    def _overlap_again(self, given: i.SpeechStarted, now: float) -> None:
        self.user = "overlapping"
        self._words = i.Heard(self._words.text, final=False)
        self._voiced_before = max(0.0, self._voiced_before - (given.at - self._last))
        self._stretch = given.at
        rest = self._enough_ms - self._voiced_ms(now)
        self._deadline = now + max(0.0, rest) / 1000

    def _overlap_words(self, given: i.Heard, now: float) -> None:
        self._words = given
        early = not self._late and self._began < self._audible + self.policy.early_ms / 1000
        voiced = self._voiced_ms(now)
        if early and voiced < self.policy.early_interrupt_ms:
            return
        if not given.sure and voiced < self.policy.interrupt_ms:
            return
        count, what = content_words(given.text), kind(given.text)
        enough = 1 if self._late else self.policy.interrupt_words
        if what == "command":
            self._interrupt(f'a command: "{given.text}"', now)
        elif what == "content" and count >= enough:
            self._interrupt(f'{count} content words: "{given.text}"', now)

    def _overlap_lasts(self, given: Timeout, now: float) -> None:
        limit, why = self._lasting()
        voiced = self._voiced_ms(now)
        if round(voiced) < limit:
            self._deadline = now + (limit - voiced) / 1000
            return
        self._interrupt(f"{round(voiced)} ms of voice, {why}", now)

    def _lasting(self) -> tuple[int, str]:
        """The voice that interrupts by its length, and what its words are."""
        said = f'"{self._words.text}"' if self._words.text else "without words"
        match kind(self._words.text):
            case "backchannel":
                # A long "yeah, right, okay" is still one; the voice itself decides at twice that.
                return 2 * self._enough_ms, said
            case "nothing" if self.policy.partials:
                return self.policy.interrupt_wordless_ms, "without words"
            case _:
                return self._enough_ms, said

    def _judged_words(self, given: i.Heard, now: float) -> None:
        self._words = given
        if given.final:
            self._judge(now)

    def _judge(self, now: float) -> None:
        what = kind(self._words.text)
        if not self._words.sure and self._voiced_ms(now) < self.policy.interrupt_ms:
            what = "nothing"
        if what in ("command", "content"):
            self._interrupt(f'{what}: "{self._words.text}"', now)
        else:
            said = f'"{self._words.text}"' if self._words.text else "no words"
            guess = "" if self._words.sure else ", a guess"
            self._go_back(f"{what}: {said}{guess}")

    def _false_alarm(self, given: Timeout, now: float) -> None:
        waited = round((now - self._last) * 1000)
        known = f'only "{self._words.text}"' if self._words.text else "no words"
        self._go_back(f"{known} within {waited} ms")

    def _go_back(self, why: str) -> None:
        self._out.append(o.Resume(self.epoch, why + self._over_echo()))
        if self._words.sure and kind(self._words.text) == "backchannel":
            self._out.append(o.Backchannel(self._words.text))
        self._forget()

    def _interrupt(self, why: str, now: float) -> None:
        if self._guarded:
            return self._go_back("this may not be interrupted")
        self._out.append(o.CancelReply(self.epoch, "turn_detected", why + self._over_echo()))
        self.agent = "listening"
        self._take_floor(now)

    def _over_echo(self) -> str:
        return "" if self._echo_db is None else f", over an echo at {self._echo_db:.0f} dB"

    def _take_floor(self, now: float) -> None:
        self._open = True
        self._hummed = self._began
        if self._late:
            self._out.append(o.ReopenTurn(self.turn, self._began, self._words.text))
        else:
            self.turn += 1
            self._out.append(o.BeginTurn(self.turn, self._began, self._words.text))
        if self.user == "overlapping":
            self._speak_on(now)
        else:
            self.user = "pausing"
            self._weigh(now)


@dataclass(frozen=True, slots=True)
class Row:
    """For these states, `on` runs the method `_do`; `then` says what it becomes, for people."""

    on: type
    user: frozenset[str]
    agent: frozenset[str]
    do: str
    then: str


def _row(on: type, user: str, agent: frozenset[str], do: str, then: str) -> Row:
    users = EVERY_USER if user == "any" else frozenset(user.split())
    return Row(on, users, agent, do, then)


_LISTENING: frozenset[str] = frozenset(("listening",))
_THINKING: frozenset[str] = frozenset(("thinking",))

TABLE: tuple[Row, ...] = (
    _row(i.SpeechStarted, "silent", _LISTENING, "begin", "user speaking: a turn begins"),
    _row(i.SpeechStarted, "silent", _THINKING, "overlap_unheard",
         "user overlapping: the answer is withheld until it is decided"),
    _row(i.SpeechStarted, "silent", VOICED, "overlap", "user overlapping: undecided"),
    _row(i.SpeechStarted, "pausing", EVERY_AGENT, "go_on",
         "user speaking: the turn goes on, what was prepared is discarded"),
    _row(i.SpeechStarted, "judged", LIVE, "overlap_again", "user overlapping again"),
    _row(i.SpeechStopped, "silent", EVERY_AGENT, "nobodys", "forgotten"),
    _row(i.SpeechStopped, "speaking", EVERY_AGENT, "pause", "user pausing: wait by the words"),
    _row(i.SpeechStopped, "overlapping", LIVE, "overlap_ends",
         "user judged: wait for the words"),
    _row(i.Heard, "speaking", EVERY_AGENT, "words_while_speaking", "remembered"),
    _row(i.Heard, "pausing", EVERY_AGENT, "words_in_pause",
         "the wait is reckoned anew; agent preparing where the words may be all"),
    _row(i.Heard, "overlapping", LIVE, "overlap_words",
         "a command or two content words interrupt: user speaking"),
    _row(i.Heard, "judged", LIVE, "judged_words",
         "final words decide: user pausing (interrupts) or silent (agent goes on)"),
    _row(i.Likely, "pausing", EVERY_AGENT, "weigh_likely",
         "the wait is reckoned anew; agent preparing where it sounds like the end"),
    _row(Timeout, "speaking", EVERY_AGENT, "too_long",
         "user silent: a turn without an end is committed, noise is discarded"),
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
    _row(i.Due, "any", EVERY_AGENT, "is_due",
         "agent thinking as soon as nobody speaks; what it says ends with its sentence"),
    _row(i.Told, "any", EVERY_AGENT, "told", "nothing is due any more"),
    _row(i.SentenceEnded, "silent", frozenset(("speaking",)), "sentence",
         "agent thinking: the rest of the reply is cancelled for what is due"),
    _row(i.Aside, "speaking pausing", _LISTENING, "aside",
         "agent thinking: it speaks while the user does"),
    _row(i.Speak, "any", frozenset(("listening", "preparing")), "speak",
         "agent thinking: the model owns the floor and speaks over whoever does"),
    _row(i.CancelReply, "any", LIVE, "cancelled", "agent listening: the reply is cancelled"),
    _row(i.Audible, "any", _THINKING, "sounds", "agent speaking"),
    _row(i.Ducked, "any", VOICED, "level", "agent ducked"),
    _row(i.Held, "any", VOICED, "level", "agent held"),
    _row(i.Resumed, "any", VOICED, "level", "agent speaking"),
    _row(i.Guarded, "any", LIVE, "guard", "what is said then may (not) be interrupted"),
    _row(i.Ended, "overlapping judged", LIVE, "ended_under",
         "agent listening: what the user says is the next turn"),
    _row(i.Ended, "silent speaking pausing", LIVE, "ended",
         "agent listening: what is owed comes next"),
)  # fmt: skip
