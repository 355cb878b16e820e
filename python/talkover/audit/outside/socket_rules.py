"""What a WebSocket endpoint shows (pure)."""

from __future__ import annotations

from ..finding import Draft, Rule, estimated, measured
from .http_rules import UNREACHABLE
from .seen import SocketSeen

SLOW_MS = 300.0
KERNEL_BYTES = 10 * 1024 * 1024
"""What the kernels of both sides may keep without the server's doing: 3 to 6 MB on loopback."""

SLOW_HANDSHAKE = Rule(
    "handshake-slow", "Opening the socket takes long",
    "Each conversation, and each return to one, begins late.",
    "Accept first and load afterwards; keep what a conversation needs warm.",
)  # fmt: skip
NO_PONG = Rule(
    "ping-unanswered", "Pings are not answered",
    "A dead connection is not noticed (RFC 6455 §5.5.3): a caller talks to nobody for minutes.",
    "Answer pings; most servers do unless the loop that would is blocked.",
    severity="costly",
)  # fmt: skip
DEFLATE = Rule(
    "deflate-on-audio", "Sound is compressed again",
    "permessage-deflate costs processor and up to 300 KiB a socket, and gains nothing on audio.",
    "Refuse permessage-deflate on sockets that carry sound.",
    ms=5, basis="compressing a 20 ms frame and its Base64 takes well under a millisecond, more "
    "where many calls share a core",
)  # fmt: skip
IDLE = Rule(
    "idle-closed", "A silent socket is closed",
    "A user who thinks or listens for so long loses the conversation.",
    "Send pings from the server every 15 s, and raise the idle limits of each proxy on the way.",
    severity="severe",
)  # fmt: skip
UNBOUNDED = Rule(
    "buffer-unbounded", "The server keeps what a slow client does not read, without end",
    "One stalled client takes the memory of all; what it gets at last is minutes old, and an "
    "interrupted answer is heard to its end.",
    "Bound what waits for each client; pause the sender or close the socket at the bound, and send "
    "sound no faster than it is heard.",
    severity="severe",
)  # fmt: skip
OFF_PROTOCOL = Rule(
    "socket-broken", "What answers is no WebSocket",
    "No client can open a conversation.",
    "Look at what stands before the server: a proxy has to pass Upgrade and Connection on.",
    severity="severe",
)  # fmt: skip


def socket_draft(seen: SocketSeen) -> Draft:
    draft = Draft(seen.url, "WebSocket")
    if seen.away is not None:
        draft.notes.append(f"{seen.url} leads to {seen.away[:200]}; it was not followed.")
    elif seen.status in (401, 403, 429, 503):
        draft.notes.append(f"{seen.url} refused the socket ({seen.status}); --token gives a key.")
    elif seen.status is not None:
        draft.findings.append(
            measured(OFF_PROTOCOL, seen.url, f"the handshake was answered with {seen.status}")
        )
    if seen.handshake_ms is None:
        if seen.failure is not None:
            reached = "Invalid" in seen.failure or "Negotiation" in seen.failure
            rule = OFF_PROTOCOL if reached else UNREACHABLE
            draft.findings.append(measured(rule, seen.url, seen.failure))
        return draft
    if seen.failure is not None:
        draft.notes.append(f"{seen.url} was looked at in part: {seen.failure}.")
    if seen.garbage:
        said = "what came after the handshake were no frames"
        draft.findings.append(measured(OFF_PROTOCOL, seen.url, said))
    else:
        _findings(draft, seen)
    return draft


def _findings(draft: Draft, seen: SocketSeen) -> None:
    url, handshake = seen.url, seen.handshake_ms or 0.0
    draft.facts.append(("handshake", f"{handshake:.0f} ms"))
    if handshake >= SLOW_MS:
        draft.findings.append(
            measured(SLOW_HANDSHAKE, url, f"{handshake:.0f} ms from connecting to open", handshake)
        )
    if seen.ping_ms is None:
        draft.findings.append(measured(NO_PONG, url, "no pong came"))
    else:
        draft.facts.append(("ping", f"{seen.ping_ms:.0f} ms"))
    if seen.deflate:
        draft.findings.append(estimated(DEFLATE, url, "permessage-deflate was negotiated"))
    if seen.idle_closed_s is not None:
        draft.findings.append(measured(IDLE, url, f"closed after {seen.idle_closed_s:.1f} s"))
    elif seen.idle_waited_s is not None:
        draft.facts.append(("silent socket", f"still open after {seen.idle_waited_s:.0f} s"))
    sent, kept = seen.unread_sent / 1e6, seen.unread_kept / 1e6
    draft.facts.append(
        ("a client that does not read", f"took {sent:.1f} MB, kept {kept:.1f} MB for it")
    )
    if seen.unread_kept > KERNEL_BYTES:
        draft.findings.append(
            measured(
                UNBOUNDED,
                url,
                f"it took {sent:.1f} MB while nothing was read, and sent {kept:.1f} MB afterwards",
            )
        )
