"""HTTP endpoints, each with one flaw, and a good one."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from audit.serving import Answer, Request, found, http, look, pieces, whole

from talkover.audit.outside.bounds import Bounds
from talkover.cli.certificate import development_certificate

LATE_S = 0.5


async def quick(_: Request, writer: asyncio.StreamWriter) -> None:
    await whole(writer, b'{"ok": true}', Content_Type="application/json")


async def buffered(_: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(LATE_S)
    await whole(writer, b'{"answer": "..."}', Content_Type="application/json")


async def forgetful(_: Request, writer: asyncio.StreamWriter) -> None:
    await whole(writer, b"{}", Connection="close")
    writer.close()


async def impatient(_: Request, writer: asyncio.StreamWriter) -> None:
    await whole(writer, b"{}", Keep_Alive="timeout=5, max=100")


async def cold(request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0 if request.number else LATE_S)
    await whole(writer, b"{}")


async def function(_: Request, writer: asyncio.StreamWriter) -> None:
    await whole(writer, b"{}", X_Vercel_Id="fra1::iad1::abc", X_RateLimit_Limit="100")


async def moved(request: Request, writer: asyncio.StreamWriter) -> None:
    if request.path == "/here":
        await whole(writer, b"{}")
    else:
        await whole(writer, b"", 307, Location="/here")


async def compressed(_: Request, writer: asyncio.StreamWriter) -> None:
    await pieces(writer, words(), "text/event-stream", Content_Encoding="gzip")


async def streaming(_: Request, writer: asyncio.StreamWriter) -> None:
    await pieces(writer, words(), "text/event-stream")


async def words() -> AsyncIterator[bytes]:
    for word in ("Once", "upon", "a", "time"):
        await asyncio.sleep(0.02)
        yield f"data: {word}\n\n".encode()


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (buffered, "answer-buffered"), (forgetful, "new-connection"),
        (impatient, "keep-alive-short"), (cold, "cold-start"), (function, "serverless"),
        (moved, "redirect"), (compressed, "compressed-stream"),
    ],
)  # fmt: skip
async def test_a_flaw_is_found(answer: Answer, rule: str):
    async with http(answer) as port:
        report = await look(f"http://127.0.0.1:{port}/api/say")
    assert rule in found(report)
    assert next(f for f in report.findings if f.rule.id == rule).evidence[0].seen


@pytest.mark.flaky(reruns=2)
@pytest.mark.parametrize("answer", [quick, streaming])
async def test_a_good_endpoint_raises_no_alarm(answer: Answer):
    async with http(answer) as port:
        report = await look(f"http://127.0.0.1:{port}/api/say")
    assert found(report) == set() and not report.severe
    assert report.stays


async def test_what_was_measured_is_the_cost_of_a_wait():
    async with http(buffered) as port:
        report = await look(f"http://127.0.0.1:{port}/api/say")
    (finding,) = (one for one in report.findings if one.rule.id == "answer-buffered")
    assert finding.source == "estimate" and finding.ms is not None
    assert finding.ms >= LATE_S * 500


async def test_another_host_is_told_and_not_contacted():
    asked: list[Request] = []

    async def note(request: Request, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        await quick(request, writer)

    async with http(note) as other:

        async def away(_: Request, writer: asyncio.StreamWriter) -> None:
            await whole(writer, b"", 302, Location=f"http://localhost:{other}/Path")

        async with http(away) as port:
            report = await look(f"http://127.0.0.1:{port}/api")
    assert not asked
    assert f"http://localhost:{other}/Path" in report.notes[0]


@pytest.mark.parametrize(
    ("named", "other", "here"),
    [
        ("https://a.example/x", "https://a.example/y", True),
        ("https://a.example/x", "https://a.example:443/y", True),
        ("http://a.example/x", "https://a.example/x", True),
        ("https://a.example/x", "http://a.example/x", False),
        ("https://a.example/x", "https://a.example:8443/x", False),
        ("https://a.example/x", "https://b.example/x", False),
    ],
)
def test_a_key_goes_to_the_named_server_alone(named: str, other: str, here: bool):
    bounds = Bounds(named, 1.0, ssl.create_default_context(), "test")
    assert bounds.is_here(other) == here


async def test_a_circle_of_redirects_ends():
    async def circle(_: Request, writer: asyncio.StreamWriter) -> None:
        await whole(writer, b"", 302, Location="/again")

    async with http(circle) as port:
        report = await look(f"http://127.0.0.1:{port}/api")
    assert report.notes


async def test_requests_are_few_and_say_who_asks():
    asked: list[Request] = []

    async def note(request: Request, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        await quick(request, writer)

    async with http(note) as port:
        await look(f"http://127.0.0.1:{port}/api", data=b'{"text": "hello"}')
    assert [(one.method, one.body) for one in asked] == [("POST", b'{"text": "hello"}')] * 3
    assert {one.headers["user-agent"] for one in asked} == {"talkover-audit/test"}
    assert {one.headers["authorization"] for one in asked} == {"Bearer a-key"}


async def test_a_refusal_is_told_and_is_no_finding():
    async def refuse(_: Request, writer: asyncio.StreamWriter) -> None:
        await whole(writer, b"{}", 401)

    async with http(refuse) as port:
        report = await look(f"http://127.0.0.1:{port}/api")
    assert not report.severe and "--token" in report.notes[0]


async def test_nobody_at_the_address_is_severe():
    async with http(quick) as port:
        pass
    report = await look(f"http://127.0.0.1:{port}/api")
    assert found(report) == {"unreachable"} and report.severe


async def test_tls_is_timed_and_its_protocol_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    certificate = development_certificate("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with http(quick, context) as port:
        url = f"https://127.0.0.1:{port}/api"
        verify = ssl.create_default_context(cafile=str(certificate))
        report = await look(url, verify=verify)
        strange = await look(url)
    assert "http-1.1-only" in found(report)
    assert "TLS" in dict(report.facts)["connection"]
    assert "--insecure" in strange.findings[0].evidence[0].seen
