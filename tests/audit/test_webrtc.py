"""WebRTC endpoints, each with one flaw."""

from __future__ import annotations

import asyncio

import pytest
from audit.serving import Request, found, http, look, whole

from talkover.audit.finding import Draft
from talkover.audit.outside.sdp import candidates, credential, is_sendable, restarted
from talkover.audit.outside.seen import CallsSeen, Candidate
from talkover.audit.outside.webrtc_rules import calls_draft

UDP = "a=candidate:1 1 udp 2130706175 127.0.0.1 {} typ host"
TCP = "a=candidate:2 1 tcp 1671430143 127.0.0.1 9 typ host tcptype passive"
CREDENTIALS = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\n"


class Endpoint:
    """Answers offers as it is told, and notes what was asked."""

    def __init__(
        self,
        *lines: str,
        ports: int = 1,
        restart: int = 200,
        location: bool = True,
        status: int = 201,
    ) -> None:
        self.lines, self.ports, self.restart = lines, ports, restart
        self.location, self.status = location, status
        self.asked: list[tuple[str, str]] = []
        self.offers = 0

    async def answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.asked.append((request.method, request.path))
        if request.method != "POST":
            await whole(writer, b"", self.restart if request.method == "PATCH" else 200)
            return
        self.offers += 1
        port = 9 if self.ports == 1 else 9000 + self.offers
        sdp = CREDENTIALS + "\r\n".join(line.format(port) for line in self.lines)
        place = {"Location": f"/whip/{self.offers}"} if self.location else {}
        await whole(writer, sdp.encode(), self.status, Content_Type="application/sdp", **place)


@pytest.mark.parametrize(
    ("endpoint", "rules"),
    [
        (Endpoint(UDP, TCP), set[str]()),
        (Endpoint(UDP, TCP, ports=2), {"port-per-call"}),
        (Endpoint(UDP), {"no-tcp"}),
        (Endpoint(UDP, TCP, restart=405), {"no-ice-restart"}),
        (Endpoint(UDP, TCP, location=False), {"no-ice-restart"}),
        (Endpoint("a=mid:0"), {"no-candidates"}),
        (Endpoint(UDP, TCP, status=500), {"offer-refused"}),
        (Endpoint(TCP, *(UDP.replace("{}", str(9 + n)) for n in range(9))), {"many-candidates"}),
    ],
    ids=["good", "ports", "udp-only", "restart", "location", "no-address", "refused", "many"],
)
async def test_a_flaw_is_found_and_every_call_is_ended(endpoint: Endpoint, rules: set[str]):
    async with http(endpoint.answer) as port:
        report = await look(f"http://127.0.0.1:{port}/whip")
    assert found(report) == rules
    if endpoint.location and endpoint.status == 201:
        assert {("DELETE", "/whip/1"), ("DELETE", "/whip/2")} <= {*endpoint.asked}
    assert endpoint.offers <= 2


async def test_a_call_is_ended_though_the_time_is_over():
    endpoint = Endpoint(UDP, TCP)

    async def late(request: Request, writer: asyncio.StreamWriter) -> None:
        if endpoint.offers == 1 and request.method == "POST":
            endpoint.offers += 1
            await asyncio.sleep(60)
        await endpoint.answer(request, writer)

    async with http(late) as port:
        await look(f"http://127.0.0.1:{port}/whip", seconds=1.0)
    assert ("DELETE", "/whip/1") in endpoint.asked


def test_private_addresses_are_a_flaw_of_public_hosts_only():
    inside = Candidate("10.0.0.5", 8081, "udp", "host")
    outside = Candidate("9.9.9.9", 8081, "tcp", "host")

    def rules(url: str, *each: Candidate) -> set[str]:
        seen = CallsSeen(url, (each, each), (5.0, 5.0), located=True, restart=200)
        return {finding.rule.id for finding in calls_draft(seen).findings}

    assert "private-addresses" in rules("https://talk.example.com/whip", inside)
    assert "private-addresses" not in rules("https://talk.example.com/whip", inside, outside)
    assert "private-addresses" not in rules("http://10.0.0.1/whip", inside)


def test_a_slow_answer_costs_what_it_took():
    one = Candidate("127.0.0.1", 9, "tcp", "host")
    draft: Draft = calls_draft(CallsSeen("http://x/whip", ((one,), (one,)), (900.0, 700.0)))
    slow = next(f for f in draft.findings if f.rule.id == "answer-slow")
    assert (slow.ms, slow.source) == (700, "measured")


def test_an_sdp_is_read_as_far_as_it_can_be():
    text = f"{CREDENTIALS}{UDP.format(9)}\r\n{UDP.format(9)}\r\na=candidate:x\r\na=candidate:"
    assert candidates(text) == (Candidate("127.0.0.1", 9, "udp", "host"),)
    assert credential(text, "ice-ufrag") == "abcd"
    assert credential("", "ice-pwd") == ""
    sendable = [
        "9.9.9.9",
        "10.0.0.5",
        "2001:db8::1",
        "a.example",
        "x.local",
        "224.0.0.1",
        "0.0.0.0",
    ]
    assert [is_sendable(one) for one in sendable] == [True] * 3 + [False] * 4
    again = restarted(text, "new1", "new2")
    assert credential(again, "ice-ufrag") == "new1" and credential(again, "ice-pwd") == "new2"
