"""OpenAI-compatible models, each with one flaw, and a good one."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from audit.serving import Answer, Request, found, http, look, pieces, whole

from talkover.audit.outside.model_rules import model_draft
from talkover.audit.outside.seen import Completion, ModelSeen

TOKENS = 24
TALK = "text/event-stream"


def event(text: str) -> bytes:
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}}]})}\n\n".encode()


async def spoken(gap_s: float = 0.01) -> AsyncIterator[bytes]:
    for number in range(TOKENS):
        await asyncio.sleep(gap_s)
        yield event(f"{number} ")
    yield b"data: [DONE]\n\n"


async def good(request: Request, writer: asyncio.StreamWriter) -> None:
    if request.path.endswith("/models"):
        await whole(writer, b'{"data": [{"id": "small"}]}')
    else:
        assert json.loads(request.body)["stream"] is True
        await pieces(writer, spoken(), TALK)


async def held_back(_: Request, writer: asyncio.StreamWriter) -> None:
    async def at_once() -> AsyncIterator[bytes]:
        yield b"".join([event("word ") for _ in range(TOKENS)])

    await asyncio.sleep(0.6)
    await pieces(writer, at_once(), TALK)


async def no_stream(_: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.6)
    await whole(writer, b'{"choices": [{"message": {"content": "one, two"}}]}')


async def no_keeping(_: Request, writer: asyncio.StreamWriter) -> None:
    await pieces(writer, spoken(), TALK, Connection="close")
    writer.close()


def one_by_one() -> Answer:
    turn = asyncio.Lock()

    async def queueing(_: Request, writer: asyncio.StreamWriter) -> None:
        async with turn:
            await pieces(writer, spoken(0.03), TALK)

    return queueing


@pytest.mark.flaky(reruns=2)
async def test_a_good_model_raises_no_alarm():
    async with http(good) as port:
        report = await look(f"http://127.0.0.1:{port}/v1")
    assert found(report) == set()
    assert {"first token", "between tokens", "slowest first token of N at once"} <= {
        name for name, _ in report.facts
    }


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (held_back, "stream-buffered"), (no_stream, "stream-buffered"),
        (no_keeping, "new-connection"), (one_by_one(), "requests-queue"),
    ],
    ids=["held-back", "no-stream", "no-keeping", "one-by-one"],
)  # fmt: skip
async def test_a_flaw_is_found(answer: Answer, rule: str):
    async with http(answer) as port:
        report = await look(f"http://127.0.0.1:{port}/v1", model="small")
    assert rule in found(report)


@pytest.mark.parametrize(
    ("first", "gap", "rule"),
    [(900.0, 20.0, "first-token-slow"), (100.0, 300.0, "slower-than-speech")],
)
def test_tokens_in_time_are_judged_by_the_pace_of_speech(first: float, gap: float, rule: str):
    tokens = tuple(first + gap * n for n in range(20))
    answers = tuple(Completion(0.0, tokens, 200) for _ in range(3))
    draft = model_draft(ModelSeen("http://x", "m", answers, ((1, (first,)), (4, (first,)))))
    assert {finding.rule.id for finding in draft.findings} == {rule}


def test_a_stream_that_stalls_now_and_then_is_found():
    tokens = tuple(100.0 + 10 * n + (600 if n > 10 else 0) + (600 if n > 15 else 0)
                   for n in range(20))  # fmt: skip
    answers = tuple(Completion(0.0, tokens, 200) for _ in range(3))
    draft = model_draft(ModelSeen("http://x", "m", answers))
    assert {finding.rule.id for finding in draft.findings} == {"tokens-stall"}


async def test_requests_are_ten_and_never_more_than_four_at_once():
    now = most = count = 0

    @contextlib.contextmanager
    def counted():
        nonlocal now, most, count
        now, count = now + 1, count + 1
        most = max(most, now)
        yield
        now -= 1

    async def note(request: Request, writer: asyncio.StreamWriter) -> None:
        with counted():
            await good(request, writer)

    async with http(note) as port:
        await look(f"http://127.0.0.1:{port}/v1", model="small")
    assert (count, most) == (10, 4)


async def test_an_error_of_the_model_is_told():
    async def refuse(_: Request, writer: asyncio.StreamWriter) -> None:
        await whole(writer, b'{"error": "no such model"}', 404)

    async with http(refuse) as port:
        report = await look(f"http://127.0.0.1:{port}/v1", model="large")
    assert "404" in report.notes[0] and "no such model" in report.notes[0]
    assert not report.severe


async def test_which_of_several_models_is_asked():
    async def several(_: Request, writer: asyncio.StreamWriter) -> None:
        await whole(writer, b'{"data": [{"id": "small"}, {"id": "large"}]}')

    async with http(several) as port:
        report = await look(f"http://127.0.0.1:{port}/v1")
    assert "small, large" in report.notes[0] and "--model" in report.notes[0]
