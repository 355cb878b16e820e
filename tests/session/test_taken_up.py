"""A call goes on in another process: with the agent that has it, and what ran behind it."""

from __future__ import annotations

import asyncio
from typing import Any

from talkover import Agent, Session
from talkover.cluster.sqlite import SqliteLog
from talkover.engines.registry import Choice
from talkover.media.port import MediaPort
from talkover.protocol.facts import ToolStep
from talkover.session.background import RUNNING
from talkover.session.lobby import Lobby
from talkover.session.resuming import UNKNOWN
from talkover.session.returning import Returning


def lobby(sessions: SqliteLog, agents: dict[str, Agent]) -> Lobby:
    made = Lobby(MediaPort("127.0.0.1", 0), agents, Choice(), sessions)
    # The engines are the demo's, and nobody speaks: they need not be started.
    made.ready = True
    return made


async def test_it_comes_back_to_the_agent_that_has_it() -> None:
    desk = Agent("The desk.", client_may=("voice",))
    billing = Agent("Billing.", client_may=("instructions",))
    started: list[str] = []

    @billing.start
    async def start(session: Session) -> None:
        started.append(session.id)

    sessions = SqliteLog(None, "here", 3600.0)
    first = lobby(sessions, {"desk": desk, "billing": billing})
    session = first.attach(config={"audio": {"output": {"voice": "alba"}}})
    session.begin()
    await session.handoff(billing)
    assert session.cast.agent is billing and session.config.audio.output.voice == "default"
    await session.sure()
    back = Returning.of(session.token)

    second = lobby(sessions, {"desk": desk, "billing": billing})
    resumed = await second.resume_at_socket(back)
    assert resumed.id == session.id and resumed.cast.agent is billing
    assert resumed.client_may == ("instructions",)
    assert resumed.config.audio.output.voice == "default"
    resumed.begin()
    assert started == [session.id], "its start ran when it got the call, and not again"
    await second.close()
    first.media.close()


async def test_what_ran_in_the_background_is_of_unknown_outcome_or_runs_again_by_its_key() -> None:
    agent, keys = Agent("x"), list[str]()

    @agent.tool(background=True)
    async def bake() -> str:
        """Bake."""
        return "baked"

    @agent.tool(background=True)
    async def pay(idempotency_key: str) -> str:
        """Pay."""
        keys.append(idempotency_key)
        return "paid"

    sessions = SqliteLog(None, "here", 3600.0)
    first = lobby(sessions, {"agent": agent})
    session = first.attach(config={})
    session.begin()
    session.emit(ToolStep("c1", "bake", "{}", "started", RUNNING))
    session.emit(ToolStep("c2", "pay", "{}", "started", RUNNING))
    await session.sure()

    second = lobby(sessions, {"agent": agent})
    resumed = await second.resume_at_socket(Returning.of(session.token))
    told = resumed.stream.subscribe()
    resumed.begin()
    async with asyncio.timeout(20):
        while len(results := outputs(resumed.conversation.messages())) < 4:
            await told.batch()
    assert sorted(results) == sorted([RUNNING, RUNNING, UNKNOWN, "paid"])
    assert keys == [f"{session.id}/c2"]
    await second.close()
    first.media.close()


def outputs(messages: list[dict[str, Any]]) -> list[str]:
    return [message["content"] for message in messages if message["role"] == "tool"]
