"""Conversations by chance: any agent, any caller, at any moment; what must hold in all of them."""

from __future__ import annotations

import asyncio
from random import Random

from talkover import Agent, Session, Turn
from talkover.protocol import facts as f
from talkover.session.conversation import INTERRUPTED
from talkover.testing import Call, Result, Talk
from talkover.turn.interruption import kind

LINES = (
    "tell me a story", "what time is it?", "stop", "wait", "mm-hm", "yeah right", "okay",
    "no I meant the other one", "I would like", "a pizza please", "my number is five five five",
    "hold on a second", "thank you", "what about tomorrow and the day after that?", "hm",
)  # fmt: skip
ANSWERS = (
    "Yes.", "It is ten o'clock in the morning.", "", "Well, let me see. That is a good question. "
    "I think that it depends on the weather, and on the day of the week, too.",
    "Once upon a time there was a fox who lived in a wood. It was a very clever fox, and it knew "
    "every path. One day it met a crow. The crow had a piece of cheese, and the fox was hungry.",
)  # fmt: skip


def conversation(seed: int) -> Talk:
    chance = Random(seed)
    talk = Talk(_agent(chance), llm=_model(chance), seed=seed)
    for n in range(chance.randint(2, 5)):
        _step(talk, chance, first=n == 0)
    return talk


def _agent(chance: Random) -> Agent:
    agent = Agent(
        "Be brief.",
        greeting=chance.choice((None, None, "Hello! How can I help you today?")),
        interruptions=chance.choices(("yes", "no", "overlap"), (6, 1, 1))[0],
        turns=chance.choice(("eager", "normal", "patient")),
    )

    @agent.tool(say=chance.choice((None, "One moment.")))
    async def slow(seconds: float) -> str:
        """Takes its time."""
        await asyncio.sleep(seconds)
        return "done"

    @agent.tool
    def plain(session: Session) -> str:
        """Runs in a thread, and fails where it is told to."""
        if session.state.setdefault("fails", chance.random() < 0.5):
            raise RuntimeError("no")
        return "fine"

    if chance.random() < 0.2:
        agent.reply(_brain(chance))
    return agent


def _brain(chance: Random):
    async def awaiting(turn: Turn):
        yield "You said: "
        await asyncio.sleep(chance.choice((0.0, 0.3, 2.0)))
        yield turn.text + "."

    def threaded(turn: Turn):
        yield "I heard "
        yield turn.text + "."

    async def raising(turn: Turn):
        yield "Let me think. "
        raise RuntimeError("no")

    return chance.choice((awaiting, threaded, raising))


def _model(chance: Random):
    calls = (Call("slow", {"seconds": chance.choice((0.1, 1.5, 20.0))}), Call("plain", {}))

    def answer(messages: list[dict[str, object]]):
        text = chance.choice(ANSWERS)
        if chance.random() < 0.15:
            return [chance.choice(calls), "It is {result}. " + text]
        return text

    return answer


def _step(talk: Talk, chance: Random, *, first: bool) -> None:
    cues = (
        {"after_line": round(chance.uniform(0.0, 5.0), 3)},
        {"after_silence": round(chance.uniform(0.1, 2.0), 3)},
    )
    when = {"at": 0.3} if first else chance.choice(cues)
    kind = chance.choices(("line", "pause", "noise", "typed", "event"), (10, 3, 1, 1, 1))[0]
    match kind:
        case "line":
            talk.user(chance.choice(LINES), **when)
        case "pause":
            pause = round(chance.uniform(0.05, 2.0), 3)
            talk.user(chance.choice(LINES), pause, chance.choice(LINES), **when)
        case "noise":
            talk.noise(round(chance.uniform(0.05, 1.0), 3), **when)
        case "typed":
            talk.typed(chance.choice(LINES), **when)
        case _:
            types = ("response.cancel", "output_audio_buffer.clear", "input_audio_buffer.clear")
            talk.event({"type": chance.choice(types)}, **when)


def check(talk: Talk, result: Result) -> list[str]:
    """What is wrong with it."""
    wrong: list[str] = []
    if talk.agent.interruptions == "yes":
        wrong += _lost(result)
    facts = result.facts
    for begin, over in ((f.ReplyCreated, f.ReplyDone), (f.AudioStarted, None)):
        begun = [fact.reply for fact in facts if isinstance(fact, begin)]
        done = (
            [fact.reply for fact in facts if isinstance(fact, over)]
            if over
            else [
                fact.reply for fact in facts if isinstance(fact, (f.AudioStopped, f.AudioCleared))
            ]
        )
        if len(begun) != len(set(begun)) or sorted(begun) != sorted(done):
            wrong.append(f"{begin.__name__}: {len(begun)} begun, {len(done)} ended")
    added = [fact.item.id for fact in facts if isinstance(fact, f.ReplyItemAdded)]
    done = [fact.item.id for fact in facts if isinstance(fact, f.ReplyItemDone)]
    if sorted(added) != sorted(done):
        wrong.append(f"{len(added)} items begun, {len(done)} done")
    for heard in result.sound:
        at = heard.begin
        for reply in result.replies:
            if reply.began is not None and reply.began - 0.03 <= at:
                at = max(at, (reply.ended or heard.end) + 0.1)
        if at < heard.end:
            wrong.append(f"a voice of no reply from {at:.2f} to {heard.end}")
    told = " ".join(str(m["content"]) for m in result.messages if m["role"] == "assistant")
    told = told.replace(INTERRUPTED, "")
    heard = " ".join(reply.heard for reply in result.replies)
    if told.split() != heard.split():
        wrong.append(f"history says {told!r}, heard was {heard!r}")
    for reply in result.replies:
        if not reply.said.startswith(reply.heard.split(". ")[0]):
            wrong.append(f"{reply.heard!r} was heard of {reply.said!r}")
    states = [fact for fact in facts if isinstance(fact, f.State)]
    if (states[-1].user, states[-1].agent) != ("silent", "listening"):
        wrong.append(f"it ended {states[-1]}")
    if result.tasks_left:
        wrong.append(f"tasks left: {result.tasks_left}")
    return wrong


def _lost(result: Result) -> list[str]:
    """Lines that mean something and reached nobody; a client may clear what it said."""
    if any("clear" in str(done.step) for done in result.done):
        return []
    told = " ".join(str(m["content"]) for m in result.messages if m["role"] == "user")
    parts = [p for done in result.done for p in getattr(done.step, "parts", ()) if p in LINES]
    return [f"{part!r} was lost" for part in parts if part not in told and kind(part) == "content"]
