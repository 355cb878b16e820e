"""What an audit says: rules, findings by them, and the verdict that they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["severe", "costly", "minor"]
Source = Literal["measured", "estimate"]

SEVERE_MS = 300
"""Between two people a pause of 200 ms is usual; with so much more, each turn feels late."""
COSTLY_MS = 80


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong, and what to do about it.

    `ms` is an estimate of what it costs in each turn, and `basis` how it was reached; a finding
    that measured it has its own. Without `ms` something breaks that is no delay, and then
    `severity` says how badly; else it follows from the milliseconds.
    """

    id: str
    title: str
    breaks: str
    fix: str
    ms: int | None = None
    basis: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where, and what was seen there: "chat.py:12" with its line, or a URL with a measurement."""

    where: str
    seen: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a target breaks; `ms` for each turn. Evidence comes in the order it was met."""

    rule: Rule
    evidence: tuple[Evidence, ...]
    ms: int | None
    source: Source
    basis: str

    @property
    def severity(self) -> Severity:
        if self.rule.severity is not None:
            return self.rule.severity
        if self.ms is None:
            return "minor"
        return "severe" if self.ms >= SEVERE_MS else "costly" if self.ms >= COSTLY_MS else "minor"

    @property
    def rank(self) -> tuple[int, int, str]:
        """What breaks a conversation comes first, then by milliseconds."""
        breaks = self.ms is None and self.severity == "severe"
        return (0 if breaks else 1, -(self.ms or 0), self.rule.id)


@dataclass(frozen=True, slots=True)
class Report:
    """One target's audit. `facts` are measurements by name; `stays` is what needs no change;
    `notes` say what could not be looked at."""

    target: str
    kind: str
    findings: tuple[Finding, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    stays: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def severe(self) -> bool:
        return any(finding.severity == "severe" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """One sentence that can stand alone."""
        count = sum(finding.severity == "severe" for finding in self.findings)
        if not self.findings and self.notes:
            return "Nothing was found, and not all could be seen; the notes say what."
        if not self.findings:
            return "Nothing was found that stands in the way of real-time voice."
        if not count:
            return "Nothing severe: real-time voice can run on this, and some of it can be quicker."
        things = (
            "one thing breaks it or makes" if count == 1 else f"{count} things break it or make"
        )
        return f"Not ready for real-time voice: {things} each turn late."

    @property
    def cost_ms(self) -> tuple[int, int]:
        """What all findings cost a turn: (measured, estimated), ms. They may overlap, so it is the
        most that can be won."""
        sums = {"measured": 0, "estimate": 0}
        for finding in self.findings:
            sums[finding.source] += finding.ms or 0
        return sums["measured"], sums["estimate"]


@dataclass(slots=True)
class Draft:
    """A report in the making."""

    target: str
    kind: str
    findings: list[Finding] = field(default_factory=list[Finding])
    facts: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    stays: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    def add(self, other: Draft) -> None:
        self.findings += other.findings
        self.facts += other.facts
        self.stays += other.stays
        self.notes += other.notes

    def report(self) -> Report:
        """Ranked; of one rule there is one finding, with all its evidence and its highest cost."""
        return Report(
            self.target, self.kind, tuple(sorted(_merged(self.findings), key=lambda f: f.rank)),
            tuple(self.facts), tuple(dict.fromkeys(self.stays)), tuple(dict.fromkeys(self.notes)),
        )  # fmt: skip


def measured(rule: Rule, where: str, seen: str, ms: float | None = None) -> Finding:
    """A finding whose cost was measured, or that was seen to break."""
    basis = "measured from outside"
    return Finding(rule, (Evidence(where, seen),), _whole(ms), "measured", basis)


def estimated(rule: Rule, where: str, seen: str, ms: float | None = None) -> Finding:
    """A finding whose cost is the rule's estimate, or another by the same reasoning."""
    cost = rule.ms if ms is None else _whole(ms)
    return Finding(rule, (Evidence(where, seen),), cost, "estimate", rule.basis)


def _whole(ms: float | None) -> int | None:
    return None if ms is None else round(ms)


def _merged(findings: Iterable[Finding]) -> Iterable[Finding]:
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule.id, []).append(finding)
    for same in by_rule.values():
        worst = max(same, key=lambda finding: finding.ms or 0)
        every = dict.fromkeys(evidence for finding in same for evidence in finding.evidence)
        yield Finding(worst.rule, tuple(every), worst.ms, worst.source, worst.basis)
