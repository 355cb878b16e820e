"""A numbered dialogue, whose answers prove its history, with servers that are killed under it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from e2e.server import Server

from talkover.cli.caller import Caller

AGENT = """
import asyncio
from pathlib import Path
from talkover import Agent, Turn

agent = Agent("x", greeting="Hello.")
ledger = Path("../ledger")

def note(line):
    with ledger.open("a") as file:
        file.write(line + "\\n")

@agent.start
async def start(session):
    note(f"start {session.id}")

@agent.end
async def end(session, reason):
    note(f"end {session.id} {reason}")

@agent.tool
async def pay(euros: int) -> str:
    \"\"\"Pay.\"\"\"
    note(f"pay {euros}")
    await asyncio.sleep(30)
    return "paid"

@agent.tool
async def book(seats: int, idempotency_key: str) -> str:
    \"\"\"Book.\"\"\"
    first = not ledger.exists() or idempotency_key not in ledger.read_text()
    note(f"book {idempotency_key}")
    if first:
        await asyncio.sleep(30)
    return f"{seats} booked"

STORY = "Once upon a time there was a fox. " + " ".join(
    f"On day {n} it walked through the wood." for n in range(1, 20))

@agent.reply
async def reply(turn: Turn):
    said = [m["content"] for m in turn.messages if m["role"] == "user"]
    turn.session.state["asked"] = turn.session.state.get("asked", 0) + 1
    last = turn.messages[-1]
    told = [m for m in turn.messages if m["role"] == "tool"]
    if "pay" in said[-1] or "book" in said[-1]:
        if told:
            yield f"The tool says {told[-1]['content']}"
        elif "pay" in said[-1]:
            await turn.call("pay", {"euros": 5})
        else:
            await turn.call("book", {"seats": 2})
    elif "story" in said[-1]:
        before = [m["content"] for m in turn.messages if m["role"] == "assistant"]
        yield STORY if "interrupted" not in (before or [""])[-1] else "And so it went on."
    else:
        yield f"You have said {len(said)} things, I was asked {turn.session.state['asked']} times."
"""
"""Writes into a ledger beside the folder of its server."""


def kill(server: Server, how: signal.Signals = signal.SIGKILL) -> None:
    server.process.send_signal(how)
    server.process.wait(15)


async def noted(folder: Path, word: str) -> None:
    """Until a tool has written into the ledger."""
    file = folder.parent / "ledger"
    async with asyncio.timeout(20):
        while word not in file.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)


async def said(call: Caller, count: int = 1) -> str:
    """What the agent said in its `count`-th answer to the end."""
    await call.until(lambda: len(call.of("response.done")) >= count)
    items = call.of("response.done")[count - 1]["response"]["output"]
    return " ".join(part["transcript"] for item in items for part in item["content"])


def known(call: Caller) -> list[tuple[str, str]]:
    """The conversation that a caller is told of upon return."""
    created = next(n for n, (_, e) in enumerate(call.events) if e["type"] == "session.created")
    out: list[tuple[str, str]] = []
    for _, event in call.events[created + 1 :]:
        if event["type"] not in ("conversation.item.added", "conversation.item.done"):
            break
        if event["type"].endswith("done"):
            content = event["item"]["content"][0]
            out.append((event["item"]["role"], content.get("text") or content["transcript"]))
    return out
