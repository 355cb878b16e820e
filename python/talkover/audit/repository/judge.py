"""From all files' signs to findings: some are wrong only together with others (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from ..finding import Draft, Evidence, Finding, Report
from .python import python_signs
from .rules import BY_ID
from .script import SUFFIXES, script_signs
from .settings import settings_signs
from .sign import Sign
from .tree import Source

MOST_EVIDENCE = 12
"""Places shown of one rule; the rest is counted."""
MOST_STAYS = 12
TALK = re.compile(
    r"(?i)audio|(?<!in)voice|speech|speak|transcri|chat|talk|tts|stt|stream|messages?\b|realtime|listen"
)
"""Paths of what is said; they are no part of the rest."""

Signs = Mapping[str, Sequence[Sign]]

NEEDS: dict[str, Callable[[Signs], bool]] = {
    # A function that answers and ends is no fault by itself, nor is its limit.
    "function-memory": lambda signs: _talks(signs),
    "one-region": lambda signs: _talks(signs),
    "memory-state": lambda signs: bool(signs.get("serverless") or signs.get("workers")),
    "body-limit": lambda signs: bool(signs.get("voice")),
}
"""What else must be there for a sign to be a finding."""

TOGETHER: tuple[tuple[str, str, Callable[[Signs], bool]], ...] = (
    ("no-socket", "voice", lambda signs: not signs.get("socket")),
    ("serverless-voice", "serverless", lambda signs: bool(signs.get("voice"))),
    ("proxy-buffers", "proxy-buffering", lambda signs: bool(signs.get("stream"))),
    ("proxy-no-upgrade", "proxy-without-upgrade", lambda signs: bool(signs.get("socket"))),
    ("compression-buffers", "compression", lambda signs: bool(signs.get("stream"))),
)
"""A rule, the sign that is its evidence, and what else must be so."""


def signs_of(source: Source) -> list[Sign]:
    if source.name.endswith(".py"):
        return python_signs(source)
    code = script_signs(source) if source.name.endswith(SUFFIXES) else []
    return code + settings_signs(source)


def judged(target: str, files: Sequence[Source], notes: Iterable[str]) -> Report:
    """The report of a repository's sources."""
    every = [sign for source in files for sign in signs_of(source)]
    signs: dict[str, list[Sign]] = {}
    for sign in every:
        signs.setdefault(sign.name, []).append(sign)
    draft = Draft(target, "repository", notes=list(notes))
    draft.facts.append(("files read", str(len(files))))
    signs["function-duration"] = _in_the_way(signs)
    for name, found in signs.items():
        if found and name in BY_ID and NEEDS.get(name, lambda _: True)(signs):
            draft.findings.append(_finding(name, found))
    for rule, evidence, holds in TOGETHER:
        if signs.get(evidence) and holds(signs):
            draft.findings.append(_finding(rule, _one_each(signs[evidence])))
    draft.stays += _stays(every)
    if not files:
        draft.notes.append("No JavaScript, TypeScript, Python or configuration was found here.")
    return draft.report()


def _talks(signs: Signs) -> bool:
    return bool(signs.get("voice") or signs.get("llm"))


def _in_the_way(signs: Signs) -> list[Sign]:
    """Time limits of what talks: a route's own counts where that route does."""
    talking = {sign.path for name in ("voice", "llm") for sign in signs.get(name, ())}
    return [
        sign
        for sign in signs.get("function-duration", ())
        if (sign.path in talking if sign.path.endswith(SUFFIXES) else talking)
    ]


def _finding(id: str, signs: Sequence[Sign]) -> Finding:
    rule = BY_ID[id]
    shown = tuple(Evidence(sign.where, sign.text) for sign in signs[:MOST_EVIDENCE])
    if len(signs) > MOST_EVIDENCE:
        shown += (Evidence("…", f"and {len(signs) - MOST_EVIDENCE} more places"),)
    # Of many places a turn passes through one; the costliest, to be safe.
    own = [sign.ms for sign in signs if sign.ms is not None]
    ms = round(max(own)) if own and rule.ms is not None else rule.ms
    return Finding(rule, shown, ms, "estimate", rule.basis)


def _one_each(signs: Sequence[Sign]) -> list[Sign]:
    """The first of each file."""
    return [next(same) for _, same in groupby(signs, key=lambda sign: sign.path)]


def _stays(every: Sequence[Sign]) -> list[str]:
    """Routes of files in which nobody talks."""
    talking = {sign.path for sign in every if sign.name in ("voice", "llm", "stream")}
    quiet = [
        sign
        for sign in every
        if sign.name == "route"
        and sign.path not in talking
        and not TALK.search(f"{sign.path} {sign.text}")
    ]
    stays = [f"{sign.where} `{sign.text}` rests well on HTTP." for sign in quiet[:MOST_STAYS]]
    if len(quiet) > MOST_STAYS:
        stays.append(f"So do {len(quiet) - MOST_STAYS} more routes.")
    return stays
