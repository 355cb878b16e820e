"""What the agent's sound says of an interruption (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ..finding import Draft, Rule, measured
from .seen import SpokenSeen

FALL_DB = 12.0
SILENT_DB = -55.0
SILENT_FOR_S = 0.2
BEFORE_S = 1.0
GOOD_FALL_MS = 200.0
"""People stop within about so long of being cut in on."""
GOOD_SILENCE_MS = 700.0
SLOW_CONNECT_MS = 1000.0

DEAF = Rule(
    "deaf-while-speaking", "The agent cannot be interrupted",
    "It talks on over whoever cuts in: that is no conversation.",
    "Listen while speaking, hold the voice on the server, and drop it when the user speaks.",
    severity="severe",
)  # fmt: skip
SLOW_FALL = Rule(
    "barge-in-slow", "The agent falls silent late",
    "Two voices talk over each other for so long in each interruption.",
    "Decide on the first voiced frames at the media, not after a recogniser's words; keep no sound "
    "in the client's buffers that cannot be dropped.",
)  # fmt: skip
SLOW_CONNECT = Rule(
    "connect-slow", "A call connects late",
    "The first word is heard that much later.",
    "Post the offer before gathering, answer without waiting, and keep what a call needs warm.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fall:
    """How long after the user's voice began the agent's fell by 12 dB, and was silent; ms."""

    lower_ms: float | None
    silent_ms: float | None


def fall(levels: Sequence[tuple[float, float]], cut_in_s: float) -> Fall | None:
    """None where the agent was not speaking when it was cut in on."""
    before = [level for at, level in levels if cut_in_s - BEFORE_S <= at < cut_in_s]
    loud = [level for level in before if level > SILENT_DB]
    if len(loud) < len(before) / 4 or not loud:
        return None
    usual = median(loud)
    after = [(at, level) for at, level in levels if at >= cut_in_s]
    lower = _quiet_from(after, usual - FALL_DB)
    silent = _quiet_from(after, SILENT_DB)
    return Fall(_since(lower, cut_in_s), _since(silent, cut_in_s))


def _since(at: float | None, begin: float) -> float | None:
    return None if at is None else (at - begin) * 1000


def _quiet_from(levels: Sequence[tuple[float, float]], limit: float) -> float | None:
    """When it was below the limit for 200 ms; pauses between words are shorter."""
    began: float | None = None
    for at, level in levels:
        if level > limit:
            began = None
            continue
        began = at if began is None else began
        if at - began >= SILENT_FOR_S:
            return began
    return None


def spoken_draft(url: str, seen: SpokenSeen) -> Draft:
    draft = Draft(url, "call")
    draft.facts.append(("call connected", f"{seen.connected_ms:.0f} ms"))
    if seen.connected_ms >= SLOW_CONNECT_MS:
        draft.findings.append(
            measured(
                SLOW_CONNECT, url, f"connected after {seen.connected_ms:.0f} ms", seen.connected_ms
            )
        )
    if seen.failure is not None:
        draft.notes.append(f"The interruption was not measured: {seen.failure}")
    if seen.cut_in_s is None:
        return draft
    found = fall(seen.levels, seen.cut_in_s)
    if found is None:
        draft.notes.append(
            "The interruption was not measured: the agent was not speaking when it was cut in on."
        )
    elif found.lower_ms is None or _outlasts(found, seen):
        draft.findings.append(
            measured(DEAF, url, "its voice went on through 'Stop, wait a moment, please.'")
        )
    else:
        _timed(draft, url, found)
    return draft


def _outlasts(found: Fall, seen: SpokenSeen) -> bool:
    """Falling silent long after the user has finished is ending by itself."""
    assert seen.cut_in_s is not None and found.lower_ms is not None
    over = seen.cut_over_s if seen.cut_over_s is not None else seen.cut_in_s
    return seen.cut_in_s + found.lower_ms / 1000 > over + 1.5


def _timed(draft: Draft, url: str, found: Fall) -> None:
    assert found.lower_ms is not None
    draft.facts.append(("interrupted: voice 12 dB lower", f"{found.lower_ms:.0f} ms"))
    if found.silent_ms is not None:
        draft.facts.append(("interrupted: silent", f"{found.silent_ms:.0f} ms"))
    late = max(found.lower_ms - GOOD_FALL_MS, (found.silent_ms or found.lower_ms) - GOOD_SILENCE_MS)
    if late > 0:
        draft.findings.append(
            measured(
                SLOW_FALL,
                url,
                f"12 dB lower {found.lower_ms:.0f} ms after the user's voice began",
                late,
            )
        )
