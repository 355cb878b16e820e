"""Tools on MCP servers: real servers, over HTTP and stdio, and what clients are told of them."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from session.test_past import records
from wire.line import Line
from wire.mcp_server import made

from talkover import Agent
from talkover.errors import AgentError
from talkover.media.port import MediaPort
from talkover.protocol.errors import BadEvent
from talkover.session.past import past
from talkover.session.requests import allowed
from talkover.session.stream import Entry
from talkover.testing import Call, ScriptedLlm, Talk
from talkover.tool_server import ToolServer

SERVER = [sys.executable, str(Path(__file__).with_name("mcp_server.py"))]
ANSWERS: dict[str, Any] = {
    "price": [Call("price", {"dish": "cake"}), "So {result}."],
    "buy": [Call("buy", {"dish": "cake"}), "Done: {result}."],
    "fail": [Call("fail", {}), "Sorry: {result}."],
    "hang": [Call("hang", {}), "Sorry: {result}."],
    "die": [Call("die", {}), "Sorry: {result}."],
    "": "I see.",
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([*SERVER, str(port)], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    assert any("running on" in line for line in server.stderr), "it ended before it listened"
    yield f"http://127.0.0.1:{port}/mcp"
    server.terminate()
    server.wait(20)


def named(url: str, approval: Any = "never", **more: Any) -> dict[str, Any]:
    tool = {"type": "mcp", "server_label": "shop", "server_url": url, "require_approval": approval}
    return {"tools": [tool | more], "output_modalities": ["text"]}


async def ask(line: Line, text: str) -> None:
    line.type(text)
    line.send("response.create")


async def said(line: Line) -> str:
    return (await line.wait("response.output_text.done"))["text"]


async def test_a_clients_server_is_listed_and_called_as_the_protocol_has_it(
    media: MediaPort, url: str
) -> None:
    line = Line(media, answers=ANSWERS)
    line.send("session.update", session=named(url, headers={"X-Key": "secret"}))
    updated = await line.wait("session.updated")
    assert "headers" not in updated["session"]["tools"][0], "others hear of the call too"
    await line.wait("mcp_list_tools.in_progress")
    await line.wait("mcp_list_tools.completed")
    listed = (await line.wait("conversation.item.done"))["item"]
    assert listed["type"] == "mcp_list_tools" and listed["server_label"] == "shop"
    assert "price" in [tool["name"] for tool in listed["tools"]]

    since = len(line.events)
    await ask(line, "the price")
    done = await line.wait("response.mcp_call.completed")
    assert await said(line) == "So the cake is ten euros."
    await line.wait("response.done")
    kinds = [kind for kind in line.kinds(since) if "mcp" in kind or "output_item" in kind]
    assert kinds[:6] == [
        "response.output_item.added",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "response.output_item.done",
    ]
    (call,) = [
        event["item"]
        for event in line.events
        if event["type"] == "response.output_item.done" and event["item"]["type"] == "mcp_call"
    ]
    assert call["id"] == done["item_id"] and call["output"] == "the cake is ten euros"
    assert (call["name"], call["arguments"]) == ("price", '{"dish": "cake"}')
    await line.session.end("over")


async def test_what_needs_approval_waits_for_the_client_and_is_made_once(
    media: MediaPort, url: str
) -> None:
    line = Line(media, answers=ANSWERS)
    entries: list[Entry] = []
    line.session.stream.attach(entries.append)
    line.send("session.update", session=named(url, {"never": {"read_only": True}}))
    await line.wait("mcp_list_tools.completed")
    await ask(line, "the price")
    await line.wait("response.mcp_call.completed")
    await line.wait("response.done")

    await ask(line, "buy it")
    asked = (await line.wait("response.done"))["response"]["output"]
    (request,) = asked
    assert request["type"] == "mcp_approval_request" and request["name"] == "buy"
    answer = {"type": "mcp_approval_response", "approval_request_id": request["id"]}
    line.send("conversation.item.create", item=answer | {"approve": True})
    await line.wait("response.mcp_call.completed")
    output = (await line.wait("response.done"))["response"]["output"]
    assert output[0]["approval_request_id"] == request["id"]
    assert output[0]["output"] == "bought the cake"

    line.send("conversation.item.create", item=answer | {"approve": True})
    assert "no approval request" in (await line.error())["message"]
    read = past(records(entries)).conversation.messages()
    assert read == line.session.conversation.messages()
    await line.session.end("over")


async def test_what_is_refused_is_not_made_and_the_model_knows(media: MediaPort, url: str) -> None:
    line = Line(media, answers=ANSWERS)
    line.send("session.update", session=named(url, "always"))
    await line.wait("mcp_list_tools.completed")
    await ask(line, "buy it")
    (request,) = (await line.wait("response.done"))["response"]["output"]
    answer = {"type": "mcp_approval_response", "approval_request_id": request["id"]}
    refused = answer | {"approve": False, "reason": "Too dear."}
    line.send("conversation.item.create", item=refused)
    await line.wait("response.done")
    assert line.llm.asked[-1][-1]["content"] == "Refused by the user. Too dear."
    assert "response.mcp_call.in_progress" not in line.kinds()
    await line.session.end("over")


@pytest.mark.parametrize("word", ["fail", "hang"])
async def test_what_goes_wrong_is_told_to_client_and_model(
    media: MediaPort, url: str, word: str
) -> None:
    line = Line(media, answers=ANSWERS)
    line.send("session.update", session=named(url))
    await line.wait("mcp_list_tools.completed")
    (remote,) = line.session.remotes.live
    if word == "hang":
        object.__setattr__(remote.where, "timeout", 1.0)
    await ask(line, word)
    await line.wait("response.mcp_call.failed")
    reason = {"fail": "Error executing tool fail", "hang": "took more than 1 s"}[word]
    assert reason in await said(line)
    output = (await line.wait("response.done"))["response"]["output"]
    assert output[0]["error"]["type"] == "tool_execution_error"
    await line.session.end("over")


async def test_a_server_that_is_not_there_fails_and_the_call_goes_on(media: MediaPort) -> None:
    line = Line(media, answers=ANSWERS)
    line.send("session.update", session=named("http://127.0.0.1:9/mcp"))
    await line.wait("mcp_list_tools.failed")
    assert (await line.error())["code"] == "mcp_server_failed"
    await ask(line, "hello")
    assert await said(line) == "I see."
    await line.session.end("over")


async def test_a_response_may_use_the_sessions_servers_and_no_others(
    media: MediaPort, url: str
) -> None:
    line = Line(media, answers=ANSWERS)
    line.send("session.update", session=named(url))
    await line.wait("mcp_list_tools.completed")
    other = {"type": "mcp", "server_label": "other", "server_url": url}
    line.send("response.create", response={"tools": [other]})
    assert "no MCP server 'other'" in (await line.error())["message"]
    line.type("the price")
    line.send("response.create", response={"tools": [{"type": "mcp", "server_label": "shop"}]})
    await line.wait("response.mcp_call.completed")
    await line.session.end("over")


async def test_only_tools_that_are_allowed_are_offered(media: MediaPort, url: str) -> None:
    line = Line(media, answers=ANSWERS)
    line.send("session.update", session=named(url, allowed_tools=["price"]))
    await line.wait("mcp_list_tools.completed")
    listed = (await line.wait("conversation.item.done"))["item"]
    assert [tool["name"] for tool in listed["tools"]] == ["price"]
    line.send("session.update", session={"tools": []})
    await line.wait("session.updated")
    assert line.session.remotes.offered(line.session.config.tools, set()) == {}
    await line.session.end("over")


async def test_a_client_names_no_server_in_this_servers_own_network(
    media: MediaPort, url: str
) -> None:
    line = Line(media, answers=ANSWERS)
    line.session.client_may = ("tools", "mcp")
    line.send("session.update", session=named(url))
    await line.wait("mcp_list_tools.failed")
    assert "own network" in (await line.error())["message"]
    await line.session.end("over")


def test_a_client_names_none_at_all_unless_it_may():
    patch = named("https://tools.example.com/mcp")
    with pytest.raises(BadEvent, match="name no MCP servers"):
        allowed(patch, ("tools",), frozenset())
    assert "tools" not in allowed(patch, ("voice",), frozenset())
    assert "tools" in allowed(patch, ("tools", "mcp"), frozenset())


async def test_the_agents_own_server_is_started_and_comes_back_when_it_dies(
    media: MediaPort,
) -> None:
    agent = Agent("x", mcp=[{"server_label": "shop", "command": SERVER}])
    line = Line(media, {"output_modalities": ["text"]}, answers=ANSWERS, agent=agent)
    (remote,) = line.session.remotes.live
    async with asyncio.timeout(60):
        await remote.tools.up.wait()
    await ask(line, "the price")
    assert await said(line) == "So the cake is ten euros."
    await line.wait("response.done")
    await ask(line, "die")
    assert (await said(line)).startswith("Sorry: Error")
    await line.wait("response.done")
    async with asyncio.timeout(60):
        await remote.tools.up.wait()
    await ask(line, "the price")
    assert await said(line) == "So the cake is ten euros."
    assert not [kind for kind in line.kinds() if "mcp" in kind], "its tools are the agent's own"
    await line.session.end("over")


def test_one_in_this_process_is_talked_to_in_virtual_time_and_asks_for_a_yes():
    agent = Agent("x", mcp=[made()])
    where = ToolServer.of({"server_url": "http://x/mcp", "confirm": ["buy"]})
    object.__setattr__(agent.mcp[0], "approve", where.approve)
    llm = ScriptedLlm({
        "price": [Call("price", {"dish": "cake"}), "So {result}."],
        "": [Call("buy", {"dish": "cake"}), "Then: {result}"],
    })  # fmt: skip
    talk = Talk(agent, llm=llm)
    talk.user("what is the price", at=0.5)
    talk.user("buy it")
    talk.user("yes please")
    result = talk.run()
    tools = [(use.name, use.phase) for reply in result.replies for use in reply.tools]
    assert tools == [("price", "done"), ("buy", "asked"), ("buy", "done")], result
    assert result.turns[0].heard == "So the cake is ten euros.", result
    assert result.turns[-1].heard == "Then: bought the cake", result


@pytest.mark.parametrize("wrong", [{}, {"server_url": "x", "command": "y"}, {"url": "x"}])
def test_a_server_that_is_described_wrongly_is_refused(wrong: Any):
    with pytest.raises(AgentError, match="mcp:"):
        Agent("x", mcp=[wrong])
