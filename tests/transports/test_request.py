"""The REST server: what it answers, what it refuses, and what it takes for heard."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from talkover.transports import request, rest, rest_stream
from talkover.transports.engines import Ear, Model, Voice
from talkover.transports.latencies import LATENCIES
from talkover.transports.ledger import Ledger, read
from talkover.transports.request import EAR_RATE, HEARD, sound, wav
from talkover.transports.tones import WORD_S, WORDS

LOUD = wav(array("h", [3000, -3000] * (EAR_RATE // 2)).tobytes(), EAR_RATE)
"""A second that counts as the whole question."""


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


@pytest.fixture
def client(ledger: Path) -> TestClient:
    notes, latency = Ledger(ledger), LATENCIES["zero"]
    three = Ear(notes, latency, 1, (1.0, 9.0)), Model(notes, latency, 1), Voice(notes, latency, 1)
    agent = request.Agent(*three)
    return TestClient(Starlette(routes=[rest.route(agent), rest_stream.route(agent)]))


def told(ledger: Path) -> list[list[int]]:
    """For each request to the model, how many words of each answer it was told of."""
    return [note["words"] for note in read(ledger) if note["what"] == "asked"]


def test_a_recording_is_answered_with_a_recording(client: TestClient) -> None:
    response = client.post(rest.PATH, content=LOUD)
    pcm, rate = sound(response.content)
    assert len(pcm) / 2 / rate == pytest.approx(WORDS * WORD_S)


def test_a_streamed_answer_comes_word_by_word(client: TestClient) -> None:
    response = client.post(rest_stream.PATH, content=LOUD)
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert response.text.count("speech.audio.delta") == WORDS
    assert response.text.endswith('"speech.audio.done"}\n\n')


@pytest.mark.parametrize(
    ("heard_ms", "words"), [(0, 0), (140, 0), (160, 1), (1700, 6), (9999, WORDS), (None, WORDS)]
)
def test_the_model_is_told_of_what_the_client_says_it_played(
    client: TestClient, ledger: Path, heard_ms: int | None, words: int
) -> None:
    client.post(rest.PATH, content=LOUD, params={"conversation": "1"})
    headers = {} if heard_ms is None else {HEARD: str(heard_ms)}
    client.post(rest.PATH, content=LOUD, params={"conversation": "1"}, headers=headers)
    assert told(ledger) == [[], [words]]


def test_conversations_do_not_hear_of_each_other(client: TestClient, ledger: Path) -> None:
    client.post(rest.PATH, content=LOUD, params={"conversation": "1"})
    client.post(rest.PATH, content=LOUD, params={"conversation": "2"})
    assert told(ledger) == [[], []]


@pytest.mark.parametrize("path", [rest.PATH, rest_stream.PATH])
@pytest.mark.parametrize("body", [b"", b"no sound", LOUD[:20], wav(bytes(8), 8000)])
def test_what_is_no_recording_is_refused_with_a_way_out(
    client: TestClient, path: str, body: bytes
) -> None:
    response = client.post(path, content=body)
    assert response.status_code == 400
    assert "send" in response.json()["error"]["message"].lower()
