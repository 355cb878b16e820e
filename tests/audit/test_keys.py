"""The keys that an audit is given: which it takes, who gets them, and that no report has them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from talkover.audit.finding import Draft, Rule, measured
from talkover.audit.keys import HIDDEN, MOST_BYTES, MOST_HEADERS, headers, without
from talkover.audit.page.data import data
from talkover.audit.page.html import html
from talkover.audit.page.markdown import markdown
from talkover.cli.audit import Asked, audited
from talkover.errors import InputError

SECRET = "sesame-&-open-42"


def test_a_header_is_taken_as_it_is_written_or_from_the_environment():
    given = ("X-Api-Key: env:MINE", "X-Region:eu")
    assert headers(given, {"MINE": SECRET}) == (("X-Api-Key", SECRET), ("X-Region", "eu"))


@pytest.mark.parametrize(
    "given",
    [
        ("no colon",), ("bad name: x",), (f"X-Key: {SECRET}\r\nHost: other",), ("X-Key:",),
        ("Host: other",), ("content-length: 3",), ("X-Key: env:MISSING",),
        ("X-Key: one-secret", "x-key: other-secret"), (f"X-Key: {SECRET * MOST_BYTES}",),
        tuple(f"X-{n}: {SECRET}" for n in range(MOST_HEADERS + 1)),
    ],
)  # fmt: skip
def test_a_header_that_cannot_be_sent_is_refused_without_its_value(given: tuple[str, ...]):
    with pytest.raises(InputError) as refused:
        headers(given, {})
    assert "sesame" not in refused.value.message and "secret" not in refused.value.message


def test_what_a_server_echoes_is_shown_without_the_key_and_rules_in_full():
    rule = Rule("x", "sesame-&-open-42 is our word", "breaks", "fix", ms=10)
    draft = Draft(f"http://me:{SECRET}@here/", "http", [measured(rule, "/a", f"<{SECRET}>", 1.0)])
    draft.facts.append(("it said", f"you sent {SECRET}"))
    report = without(draft.report(), [f"Bearer {SECRET}"])
    assert report.findings[0].evidence[0].seen == f"<{HIDDEN}>"
    assert report.findings[0].rule is rule
    assert report.target == f"http://me:{HIDDEN}@here/"
    assert report.facts == (("it said", f"you sent {HIDDEN}"),)


async def test_a_key_reaches_its_server_and_no_report(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MINE", SECRET)
    seen: list[bytes] = []
    async with _echo(seen) as port:
        asked = Asked(5.0, None, ["X-Api-Key: env:MINE"], None, "http", None, False)
        reports = await audited([f"http://127.0.0.1:{port}/{SECRET}"], asked)
    assert seen and all(f"x-api-key: {SECRET}".encode() in one.lower() for one in seen)
    for shown in (markdown(reports), html(reports), data(reports)):
        assert "sesame" not in shown
    assert HIDDEN in json.loads(data(reports))["reports"][0]["target"]


@asynccontextmanager
async def _echo(seen: list[bytes]) -> AsyncGenerator[int]:
    """A server that answers with what it was sent, and redirects to it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                seen.append(head)
                where = f"Location: http://elsewhere.example/{SECRET}\r\n".encode()
                length = f"Content-Length: {len(head)}\r\n\r\n".encode()
                writer.write(b"HTTP/1.1 302 Found\r\n" + where + length + head)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
