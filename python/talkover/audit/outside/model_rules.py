"""What a model's streamed answers say (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ..finding import Draft, Rule, estimated, measured
from .http_rules import NEW_CONNECTION, UNREACHABLE
from .seen import Completion, ModelSeen

FIRST_TOKEN_MS = 350.0
"""What a turn can spare for the model where it is to be answered in about 800 ms."""
SPOKEN_TOKEN_MS = 220.0
"""A voice says some 165 words a minute, which are about 4.5 tokens a second."""
STALL_MS = 400.0
SENTENCE = 12
"""Tokens of a first sentence."""
ENOUGH = 5

SLOW_FIRST = Rule(
    "first-token-slow", "The first token comes late",
    "Nothing can be said before it.",
    "Take a smaller or nearer model, keep the prompt's beginning the same so that its cache is "
    "used, and ask while the user is still finishing.",
)  # fmt: skip
BUFFERED = Rule(
    "stream-buffered", "The stream is none: all tokens come at once",
    "stream=true is taken, and something holds the tokens back to the end; the voice cannot begin "
    "with the first sentence.",
    "Switch buffering and compression off in whatever stands between (proxy, gateway, function), "
    "and flush each token.",
    basis="what the tokens after the first sentence took: all but 12 tokens of the measured wait",
)  # fmt: skip
STALLS = Rule(
    "tokens-stall", "The stream stalls between tokens",
    "A voice that reads along runs dry and pauses in mid-sentence.",
    "Look at the server's batching and load; give voice its own queue, and speak whole sentences.",
)  # fmt: skip
SLOWER = Rule(
    "slower-than-speech", "Tokens come slower than they are spoken",
    "The voice waits for words all the way through each answer.",
    "Take a quicker model or more processor for this one; 5 tokens a second are the least.",
    severity="severe",
)  # fmt: skip
QUEUES = Rule(
    "requests-queue", "Requests at the same time wait for each other",
    "The second caller's first word waits for the first caller's answer.",
    "Raise the server's parallel slots or batching, or its number of copies.",
)  # fmt: skip


def model_draft(seen: ModelSeen) -> Draft:
    draft = Draft(seen.url, "model")
    answered = [one for one in seen.answers if one.tokens_ms]
    refused = next((one for one in seen.answers if one.status != 200), None)
    if refused is not None:
        draft.notes.append(
            f"{seen.url} answered {refused.status} for {seen.model}: {refused.error[:200]}"
        )
    if seen.failure is not None:
        if seen.answers:
            draft.notes.append(f"{seen.url} was looked at in part: {seen.failure}.")
        else:
            draft.findings.append(measured(UNREACHABLE, seen.url, seen.failure))
    if answered:
        _stream(draft, seen, answered)
        _connection(draft, seen)
        _together(draft, seen)
    elif refused is None and seen.failure is None:
        draft.notes.append(f"{seen.url} answered without a word of text for {seen.model}.")
    return draft


def _stream(draft: Draft, seen: ModelSeen, answered: Sequence[Completion]) -> None:
    firsts = [one.first_ms for one in answered if one.first_ms is not None]
    first = median(firsts)
    draft.facts.append(("first token", f"{first:.0f} ms (median of {len(firsts)})"))
    # The last answer, when the model is as warm as it gets.
    tokens = answered[-1].tokens_ms
    gaps = sorted(b - a for answer in answered for a, b in pairwise(answer.tokens_ms))
    if len(tokens) < ENOUGH and not _is_one(answered):
        return
    if _is_one(answered) or _buffered(answered[-1]):
        draft.findings.append(
            estimated(
                BUFFERED,
                seen.url,
                f"{len(tokens)} pieces within {tokens[-1] - tokens[0]:.0f} ms, after a wait of "
                f"{first:.0f} ms",
                first * (1 - min(SENTENCE / max(len(tokens), 20), 1)),
            )
        )
        return
    p50, p95 = _quantile(gaps, 0.5), _quantile(gaps, 0.95)
    draft.facts.append(("between tokens", f"{p50:.0f} ms p50, {p95:.0f} ms p95"))
    if first > FIRST_TOKEN_MS:
        draft.findings.append(
            measured(
                SLOW_FIRST,
                seen.url,
                f"first token after {first:.0f} ms; a turn can spare {FIRST_TOKEN_MS:.0f}",
                first - FIRST_TOKEN_MS,
            )
        )
    mean = (tokens[-1] - tokens[0]) / (len(tokens) - 1)
    if mean > SPOKEN_TOKEN_MS:
        draft.findings.append(measured(SLOWER, seen.url, f"{mean:.0f} ms for each token"))
    elif p95 > STALL_MS:
        draft.findings.append(measured(STALLS, seen.url, f"gaps of {p95:.0f} ms (p95)", p95))


def _is_one(answered: Sequence[Completion]) -> bool:
    return all(len(one.tokens_ms) == 1 for one in answered)


def _buffered(one: Completion) -> bool:
    """All within a twentieth of the wait; an answer that is quick as a whole may be."""
    first = one.first_ms or 0.0
    return first >= 150 and one.tokens_ms[-1] - one.tokens_ms[0] < first / 20


def _connection(draft: Draft, seen: ModelSeen) -> None:
    if len(seen.answers) < 3:
        return
    _, kept, fresh = seen.answers
    draft.facts.append(("connecting", f"{fresh.setup_ms:.0f} ms"))
    if kept.setup_ms:
        draft.findings.append(
            measured(
                NEW_CONNECTION,
                seen.url,
                f"the second request connected again, in {kept.setup_ms:.0f} ms",
                kept.setup_ms,
            )
        )


def _together(draft: Draft, seen: ModelSeen) -> None:
    slowest = {count: max(firsts) for count, firsts in seen.together if firsts}
    if not slowest:
        return
    shown = ", ".join(f"{count}: {ms:.0f} ms" for count, ms in slowest.items())
    draft.facts.append(("slowest first token of N at once", shown))
    alone = slowest.get(1)
    if alone is None:
        return
    for count, ms in slowest.items():
        if ms > 2 * alone + 200:
            draft.findings.append(
                measured(
                    QUEUES,
                    seen.url,
                    f"first token after {alone:.0f} ms alone, {ms:.0f} ms with {count} at once",
                    ms - alone,
                )
            )
            return


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
