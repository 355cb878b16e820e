"""What three requests to an HTTP endpoint say (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import median

from ..finding import Draft, Finding, Rule, estimated, measured
from .seen import Exchange, HttpSeen

QUICK_MS = 200.0
"""An answer within this needs no stream."""
LATE_MS = 400.0
COLD_MS = 300.0
FAR_MS = 80.0
KEEP_S = 30
"""People think, and listen to answers, for about so long between two requests."""

UNREACHABLE = Rule(
    "unreachable", "The endpoint does not answer",
    "No client gets an answer.",
    "Look whether it runs, whether the address is right, and whether a firewall lets it through.",
    severity="severe",
)  # fmt: skip
BUFFERED = Rule(
    "answer-buffered", "The answer comes whole, at its end",
    "Nothing can be heard before the last word is made, and nothing made in vain is saved.",
    "Send the answer as it is made: chunked or as text/event-stream, with every proxy's buffering "
    "off; for sound, over WebRTC or a WebSocket.",
    basis="half of the measured wait: a streamed answer is audible with its first sentence, and a "
    "spoken answer has two on average",
)  # fmt: skip
NEW_CONNECTION = Rule(
    "new-connection", "Each request sets up its own connection",
    "TCP and TLS are shaken hands over again in every turn.",
    "Let connections live (keep-alive, HTTP/2), or hold one WebSocket or WebRTC call for the "
    "conversation.",
)  # fmt: skip
SHORT_KEEP = Rule(
    "keep-alive-short", "Connections are dropped between two turns",
    "The time in which a user speaks and listens is longer than the connection is kept.",
    "Keep idle connections for a minute and longer, in the server and in each proxy before it.",
)  # fmt: skip
COLD = Rule(
    "cold-start", "The first request is slow",
    "The first caller after a quiet time waits for the server to start.",
    "Run a process that stays up; where the platform starts them on demand, keep one warm.",
)  # fmt: skip
FAR = Rule(
    "far-away", "The server is far from here",
    "Every round trip of signalling and of each request takes this long.",
    "Run it in the callers' region; the model's server may stay where it is.",
)  # fmt: skip
SERVERLESS = Rule(
    "serverless", "It runs as a function, which answers and ends",
    "A function holds no call: it has no UDP, its time is limited, and what it knew is gone with "
    "the answer.",
    "Keep the functions for what answers at once, and put the conversation on a process that "
    "stays up, which the browser calls directly.",
    severity="severe",
)  # fmt: skip
REDIRECTED = Rule(
    "redirect", "A redirect stands before the answer",
    "Each request makes the way twice.",
    "Give clients the final address.",
)  # fmt: skip
COMPRESSED = Rule(
    "compressed-stream", "A stream is compressed",
    "A compressor holds small pieces back until it has a block of them.",
    "Leave text/event-stream and audio out of compression.",
    ms=100, basis="a few tokens' worth at 20 to 50 tokens a second",
)  # fmt: skip
ONE_AT_A_TIME = Rule(
    "http-1.1-only", "Only HTTP/1.1 is spoken",
    "Each request at the same time needs a connection of its own.",
    "Let the TLS proxy offer h2, so that one connection carries all.",
)  # fmt: skip

PLATFORMS = (
    ("x-vercel-id", "Vercel"), ("x-amzn-requestid", "AWS Lambda or API Gateway"),
    ("x-amz-apigw-id", "AWS API Gateway"), ("x-nf-request-id", "Netlify"),
    ("x-azure-functions-invocationid", "Azure Functions"),
    ("function-execution-id", "Google Cloud Functions"),
)  # fmt: skip
IN_FRONT = (("cf-ray", "Cloudflare"), ("x-amz-cf-id", "CloudFront"), ("fly-request-id", "Fly.io"))
STREAMED = ("text/event-stream", "audio/", "application/x-ndjson", "application/stream+json")


def http_draft(seen: HttpSeen) -> Draft:
    draft = Draft(seen.url, "HTTP")
    if seen.away is not None:
        draft.notes.append(
            f"{seen.url} leads to another host, {seen.away[:200]}; it was not followed. Name that "
            "address to have it looked at."
        )
    if not seen.exchanges:
        if seen.failure is not None:
            draft.findings.append(measured(UNREACHABLE, seen.url, seen.failure))
        return draft
    if seen.failure is not None:
        draft.notes.append(f"{seen.url} was looked at in part: {seen.failure}.")
    _facts(draft, seen)
    first = seen.exchanges[0]
    if first.status >= 400:
        draft.notes.append(
            f"{seen.url} answered {first.status}: what is behind it was not seen. --token gives a "
            "key, --data a request that it takes."
        )
        draft.findings += _connections(seen)
        return draft
    draft.findings += [*_connections(seen), *_answers(seen), *_platform(first)]
    if first.cut:
        draft.notes.append(f"{seen.url} goes on for long; only the beginning was read.")
        return draft
    if not draft.findings:
        draft.stays += _stays(seen)
    return draft


def _stays(seen: HttpSeen) -> Iterator[str]:
    last = seen.exchanges[-1]
    if last.last_ms - last.first_ms > QUICK_MS:
        yield f"{seen.url} streams its answer, from {last.wait_ms:.0f} ms on."
    elif last.wait_ms <= QUICK_MS:
        yield f"{seen.url} answers in {last.wait_ms:.0f} ms and is done: that rests well on HTTP."


def _facts(draft: Draft, seen: HttpSeen) -> None:
    first = seen.exchanges[0]
    if first.connect_ms is not None:
        tls = "" if first.tls_ms is None else f" + {first.tls_ms:.0f} ms TLS"
        draft.facts.append(("connection", f"{first.connect_ms:.0f} ms TCP{tls}"))
    for name, one in zip(("first", "second", "third"), seen.exchanges, strict=False):
        draft.facts.append(
            (
                f"{name} request",
                f"{one.status}, first byte {one.wait_ms:.0f} ms, last byte "
                f"{one.last_ms - one.setup_ms:.0f} ms, {len(one.body)} bytes in "
                f"{len(one.chunks)} pieces",
            )
        )
    if first.header("server"):
        draft.facts.append(("server", first.header("server")[:100]))
    for key, name in IN_FRONT:
        if first.header(key):
            draft.facts.append(("in front", f"{name} ({key}); UDP does not go through it"))
    for key, value in first.headers:
        if re.search(r"rate-?limit|retry-after|(max|timeout)-(duration|body)", key, re.IGNORECASE):
            draft.facts.append((f"limit: {key[:60]}", value[:100]))


def _connections(seen: HttpSeen) -> Iterator[Finding]:
    first, *rest = seen.exchanges
    if rest and rest[0].connect_ms is not None and not first.cut:
        yield measured(
            NEW_CONNECTION, seen.url,
            f"the second request connected again, in {rest[0].setup_ms:.0f} ms", rest[0].setup_ms,
        )  # fmt: skip
    kept = re.search(r"timeout=(\d{1,6})", first.header("keep-alive"))
    if kept and int(kept[1]) < KEEP_S:
        yield measured(
            SHORT_KEEP, seen.url,
            f"Keep-Alive: timeout={kept[1]}; connecting takes {first.setup_ms:.0f} ms",
            first.setup_ms,
        )  # fmt: skip
    connects = [one.connect_ms for one in seen.exchanges if one.connect_ms is not None]
    if connects and min(connects) >= FAR_MS:
        yield measured(
            FAR, seen.url, f"a round trip takes {min(connects):.0f} ms (TCP)", min(connects)
        )
    if seen.h2 is False:
        yield measured(ONE_AT_A_TIME, seen.url, "h2 was offered by ALPN and not taken")
    for hop in seen.hops:
        yield measured(REDIRECTED, hop.url, f"{hop.status}", hop.last_ms)


def _answers(seen: HttpSeen) -> Iterator[Finding]:
    first, *rest = seen.exchanges
    if rest:
        later = median(one.wait_ms for one in rest)
        if first.wait_ms - later >= COLD_MS:
            yield measured(
                COLD, seen.url,
                f"first byte after {first.wait_ms:.0f} ms, later after {later:.0f} ms",
                first.wait_ms - later,
            )  # fmt: skip
    # The quickest, so that a cold start is not counted twice.
    best = min(seen.exchanges, key=lambda one: one.wait_ms)
    if "text/html" not in best.header("content-type") and _is_whole(best):
        yield estimated(
            BUFFERED, seen.url,
            f"first byte after {best.wait_ms:.0f} ms, last byte "
            f"{best.last_ms - best.first_ms:.0f} ms later",
            best.wait_ms / 2,
        )  # fmt: skip
    kind, coding = first.header("content-type"), first.header("content-encoding")
    if coding not in ("", "identity") and kind.startswith(STREAMED):
        yield estimated(COMPRESSED, seen.url, f"Content-Type: {kind}, Content-Encoding: {coding}")


def _is_whole(one: Exchange) -> bool:
    return one.wait_ms >= LATE_MS and one.last_ms - one.first_ms < one.wait_ms / 10


def _platform(first: Exchange) -> Iterator[Finding]:
    if "text/html" in first.header("content-type"):
        # A page may well be served so.
        return
    for key, name in PLATFORMS:
        if value := first.header(key):
            yield measured(SERVERLESS, first.url, f"{key}: {value[:60]} ({name})")
