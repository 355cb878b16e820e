"""What two SDP answers, an ICE restart and a connectivity check say (pure)."""

from __future__ import annotations

from statistics import median
from urllib.parse import urlsplit

from ..finding import Draft, Rule, measured
from .http_rules import UNREACHABLE
from .sdp import is_private
from .seen import CallsSeen

SLOW_MS = 300.0
MANY = 8

NO_OFFER = Rule(
    "offer-refused", "An SDP offer is not answered",
    "No browser can call.",
    "Take an offer as application/sdp and answer 201 with SDP, as the Realtime protocol and WHIP "
    "do.",
    severity="severe",
)  # fmt: skip
NO_ADDRESS = Rule(
    "no-candidates", "The answer names no address",
    "Callers are not told where to send to, so no call connects.",
    "Advertise the server's address in the answer, or say that more of them trickle.",
    severity="severe",
)  # fmt: skip
PRIVATE = Rule(
    "private-addresses", "Only private addresses are advertised",
    "From another network nobody reaches them, so no call connects.",
    "Advertise the public address, and forward the media port to the server.",
    severity="severe",
)  # fmt: skip
PORT_EACH = Rule(
    "port-per-call", "Every call takes a port of its own",
    "A range of UDP ports must be open, which firewalls, containers and load balancers make hard; "
    "the number of calls ends with the range.",
    "Carry all calls on one port, told apart by their ICE names (RFC 8445).",
    severity="costly",
)  # fmt: skip
NO_TCP = Rule(
    "no-tcp", "There is no way in over TCP",
    "Callers behind a network that blocks UDP get no call.",
    "Listen for ICE-TCP (RFC 6544) on the same port, or run a TURN server with TLS on 443.",
    severity="costly",
)  # fmt: skip
NO_RESTART = Rule(
    "no-ice-restart", "A call cannot change networks",
    "Who walks from Wi-Fi to a mobile network loses the call.",
    "Take a PATCH with a new offer at the call's Location (RFC 9725 §4.3.2).",
    severity="costly",
)  # fmt: skip
SLOW_ANSWER = Rule(
    "answer-slow", "An offer is answered late",
    "The call begins that much later.",
    "Answer at once: a server with a known address has nothing to gather.",
)  # fmt: skip
CROWDED = Rule(
    "many-candidates", "Many addresses are advertised",
    "The browser checks them all, the useless ones too, before it is sure.",
    "Advertise the one or two that callers reach.",
    ms=50, basis="ICE paces its checks 50 ms apart (RFC 8445 §14.2)",
)  # fmt: skip


def calls_draft(seen: CallsSeen) -> Draft:
    draft = Draft(seen.url, "WebRTC")
    if not seen.answers:
        _refused(draft, seen)
        return draft
    every = [one for answer in seen.answers for one in answer]
    first = seen.answers[0]
    draft.facts.append(("offer answered", f"{median(seen.answer_ms):.0f} ms"))
    draft.facts.append(
        ("addresses", ", ".join(f"{one.address}:{one.port}/{one.protocol}" for one in first[:MANY]))
    )
    if seen.rtt_ms is not None:
        draft.facts.append(("media round trip", f"{seen.rtt_ms:.1f} ms (STUN)"))
    elif first:
        draft.notes.append(
            f"No address of {seen.url} answered a connectivity check over UDP from here; look "
            "whether the media port is open."
        )
    draft.facts.append(("trickle ICE", "said to be taken" if seen.trickles else "not mentioned"))
    slow = min(seen.answer_ms)
    if slow >= SLOW_MS:
        draft.findings.append(measured(SLOW_ANSWER, seen.url, f"after {slow:.0f} ms", slow))
    if not every:
        if not seen.trickles:
            draft.findings.append(measured(NO_ADDRESS, seen.url, "no a=candidate line"))
        return draft
    _addresses(draft, seen)
    _restart(draft, seen)
    return draft


def _refused(draft: Draft, seen: CallsSeen) -> None:
    if seen.failure is not None:
        draft.findings.append(measured(UNREACHABLE, seen.url, seen.failure))
    elif seen.status in (401, 403, 429, 503):
        draft.notes.append(f"{seen.url} refused the offer ({seen.status}); --token gives a key.")
    else:
        draft.findings.append(measured(NO_OFFER, seen.url, f"answered {seen.status}, without SDP"))


def _addresses(draft: Draft, seen: CallsSeen) -> None:
    every = [one for answer in seen.answers for one in answer]
    host = urlsplit(seen.url).hostname or ""
    shown = ", ".join(dict.fromkeys(one.address for one in every))
    if not is_private(host) and all(is_private(one.address) for one in every):
        draft.findings.append(measured(PRIVATE, seen.url, shown))
    ports = [{one.port for one in answer if one.protocol == "udp"} for answer in seen.answers]
    if len(ports) > 1 and not ports[0] & ports[1]:
        told = " and ".join("/".join(map(str, sorted(each))) for each in ports)
        draft.findings.append(measured(PORT_EACH, seen.url, f"two offers got the ports {told}"))
    if not any(one.protocol == "tcp" or one.kind == "relay" for one in every):
        draft.findings.append(measured(NO_TCP, seen.url, f"only UDP: {shown}"))
    if len(seen.answers[0]) > MANY:
        draft.findings.append(
            measured(
                CROWDED,
                seen.url,
                f"{len(seen.answers[0])} candidates",
                50.0 * (len(seen.answers[0]) - MANY),
            )
        )


def _restart(draft: Draft, seen: CallsSeen) -> None:
    if not seen.located:
        draft.findings.append(
            measured(NO_RESTART, seen.url, "the answer has no Location to send a new offer to")
        )
    elif seen.restart is None or seen.restart >= 400:
        said = "no answer" if seen.restart is None else str(seen.restart)
        draft.findings.append(measured(NO_RESTART, seen.url, f"PATCH with a new offer: {said}"))
