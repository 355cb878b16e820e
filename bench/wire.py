"""The wire: an offer's answer, a typed line to the first word of its answer, an event's price, idle
memory."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import websockets

from talkover.media.port import MediaPort
from talkover.protocol import facts as f
from talkover.protocol.realtime import Codec
from talkover.protocol.text import to_text

from .child import Child
from .report import Report, arguments, say, spread, table

GOALS = {
    "sdp_answer_ms_p50": 3.0, "first_delta_ms_p50": 2.0, "event_us": 30.0,
    "idle_mb_per_1000": 100.0,
}  # fmt: skip
METHOD = (
    "One server process (bench.server) with a model that answers at once; loopback. SDP "
    "answer: from posting an offer, on a connection that is kept, until its answer is there; each "
    "call is hung up before the next. First delta: "
    "from handing conversation.item.create and response.create to the socket until "
    "response.output_text.delta has come out of it, in writing. An event: CPU time of the server "
    "for one long written answer with five more readers (`?call_id=`), less the same without "
    "them, over what those read; `encode_us` is the part that makes JSON of a fact. Idle: RSS of "
    "the process with that many sessions open and silent, less its RSS with none."
)
SETTLE_S = 2.0
AT_ONCE = 50
READERS = 5


def url(server: Child, agent: str = "listening") -> str:
    return server.url.replace("http", "ws", 1) + f"/v1/realtime?model=x&agent={agent}"


async def until(socket: websockets.ClientConnection, kind: str) -> int:
    """Events up to and with the next of this kind."""
    count = 0
    while True:
        count += 1
        if f'"type":"{kind}"'.encode() in await socket.recv(decode=False):
            return count


async def written(socket: websockets.ClientConnection) -> None:
    session = {"type": "realtime", "output_modalities": ["text"]}
    await socket.send(json.dumps({"type": "session.update", "session": session}))
    await until(socket, "session.updated")


ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go on"}]}
ASK = [
    json.dumps({"type": "conversation.item.create", "item": ITEM}),
    json.dumps({"type": "response.create"}),
]


def sdp_answers(server: Child, times: int) -> list[float]:
    """Milliseconds, one for each of as many offers."""
    found: list[float] = []
    media = MediaPort("127.0.0.1", 0)
    # Not as the caller of a loop: a client of that kind takes a millisecond for itself.
    client = HTTPConnection(urlsplit(server.url).netloc)
    for _ in range(times):
        peer, offer = media.core.dial()
        began = time.perf_counter()
        client.request(
            "POST", "/v1/realtime/calls?agent=listening", offer, {"Content-Type": "application/sdp"}
        )
        answer = client.getresponse()
        answer.read()
        found.append((time.perf_counter() - began) * 1000)
        assert answer.status == 201, answer.status
        client.request("POST", f"{answer.headers['location']}/hangup")
        client.getresponse().read()
        peer.close()
    client.close()
    media.close()
    return found


async def first_deltas(server: Child, times: int) -> list[float]:
    """Milliseconds, one for each of as many answers."""
    found: list[float] = []
    for _ in range(times):
        # A new session each, whose conversation is short.
        async with websockets.connect(url(server), compression=None, max_size=None) as socket:
            await written(socket)
            began = time.perf_counter()
            for event in ASK:
                await socket.send(event)
            await until(socket, "response.output_text.delta")
            found.append((time.perf_counter() - began) * 1000)
            await until(socket, "response.done")
    return found


async def event_cost(server: Child, times: int) -> list[float]:
    """Microseconds of the server's CPU for one event to one reader, one for each pair of answers.

    An answer is read once, then by `READERS` more: what that costs more is encoding and sending.
    """
    found: list[float] = []
    for _ in range(times):
        async with websockets.connect(
            url(server, "long"), compression=None, max_size=None
        ) as socket:
            created = json.loads(await socket.recv())
            await written(socket)
            alone, events = await _answer(server, socket, [])
            side = url(server).partition("?")[0] + f"?call_id={created['session']['id']}"
            readers = [
                await websockets.connect(side, compression=None, max_size=None)
                for _ in range(READERS)
            ]
            shared, events = await _answer(server, socket, readers)
            found.append((shared - alone) / (READERS * events) * 1e6)
            for reader in readers:
                await reader.close()
    return found


async def _answer(
    server: Child, socket: websockets.ClientConnection, readers: list[websockets.ClientConnection]
) -> tuple[float, int]:
    """The server's CPU seconds for an answer, and its events."""
    before = await server.account()
    for event in ASK:
        await socket.send(event)
    counts = await asyncio.gather(*(until(one, "response.done") for one in (socket, *readers)))
    return (await server.account())["cpu"] - before["cpu"], counts[0]


def encode_cost(times: int) -> float:
    """Microseconds to make JSON of the two facts that come most often."""
    codec = Codec(extensions=False, audio_events=True)
    facts: list[f.Fact] = [
        f.ReplyAudio("resp_1", "item_1", 0, bytes(960)),
        f.ReplyTranscript("resp_1", "item_1", 0, "lighthouse "),
    ]
    began = time.process_time()
    for _ in range(times):
        for fact in facts:
            for event in codec.encode(fact):
                to_text(event)
    return (time.process_time() - began) / times / len(facts) * 1e6


async def idle(server: Child, sessions: int) -> dict[str, float]:
    """RSS with none and with as many sessions, MB."""

    async def opened() -> list[websockets.ClientConnection]:
        made: list[websockets.ClientConnection] = []
        for _ in range(0, sessions, AT_ONCE):
            made += await asyncio.gather(
                *(websockets.connect(url(server), compression=None) for _ in range(AT_ONCE))
            )
        await asyncio.gather(*(until(socket, "session.created") for socket in made))
        await asyncio.sleep(SETTLE_S)
        return made

    async def closed(made: list[websockets.ClientConnection]) -> None:
        for n in range(0, len(made), AT_ONCE):
            await asyncio.gather(*(socket.close() for socket in made[n : n + AT_ONCE]))
        await asyncio.sleep(SETTLE_S)

    before = (await server.account())["rss"]
    made = await opened()
    with_all = await server.account()
    await asyncio.sleep(SETTLE_S)
    later = await server.account()
    await closed(made)
    after = (await server.account())["rss"]
    cpu = (later["cpu"] - with_all["cpu"]) / (later["at"] - with_all["at"])
    return {
        "none_mb": round(before / 1e6, 1), "all_mb": round(with_all["rss"] / 1e6, 1),
        "closed_mb": round(after / 1e6, 1),
        "per_1000_mb": round((with_all["rss"] - before) / 1e6 * 1000 / sessions, 1),
        "cpu_percent": round(cpu * 100, 1),
    }  # fmt: skip


async def measure(asked: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        async with Child("bench.server", Path(name)) as server:
            sdp_answers(server, 20)
            answers = sdp_answers(server, asked.times)
            await first_deltas(server, 5)
            deltas = await first_deltas(server, asked.times)
            await event_cost(server, 2)
            cost = await event_cost(server, max(3, asked.times // 20))
        say(f"{asked.sessions} idle sessions")
        async with Child("bench.server", Path(name)) as server:
            found = await idle(server, asked.sessions)
    return {
        "sdp_answer_ms": spread(answers, 2),
        "first_delta_ms": spread(deltas, 2),
        "event_us": spread(cost, 1),
        "encode_us": round(encode_cost(20000), 1),
        "idle": found,
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--times", type=int, default=200, help="answers to be timed")
    parser.add_argument("--sessions", type=int, default=1000, help="idle ones")
    asked = parser.parse_args()
    report = Report("wire", asked)
    found = asyncio.run(measure(asked))
    report.write(METHOD, GOALS, found)
    table("wire", ["", "measured", "goal, at most"], [
        ["an offer to its answer, ms, p50", found["sdp_answer_ms"]["p50"],
         GOALS["sdp_answer_ms_p50"]],
        ["  p95", found["sdp_answer_ms"]["p95"], None],
        ["typed line to first delta, ms, p50", found["first_delta_ms"]["p50"],
         GOALS["first_delta_ms_p50"]],
        ["  p95", found["first_delta_ms"]["p95"], None],
        ["an event, us of CPU, p50", found["event_us"]["p50"], GOALS["event_us"]],
        ["  of it JSON, us", found["encode_us"], None],
        ["1,000 idle sessions, MB", found["idle"]["per_1000_mb"], GOALS["idle_mb_per_1000"]],
        ["  CPU of all, % of a core", found["idle"]["cpu_percent"], None],
    ])  # fmt: skip


if __name__ == "__main__":
    main()
