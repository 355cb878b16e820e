"""Reports as JSON, for machines (pure)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..finding import Finding, Report


def data(reports: Sequence[Report]) -> str:
    return json.dumps({"reports": [_report(one) for one in reports]}, indent=2) + "\n"


def _report(report: Report) -> dict[str, Any]:
    measured, estimate = report.cost_ms
    return {
        "target": report.target,
        "kind": report.kind,
        "verdict": report.verdict,
        "severe": report.severe,
        "measured_ms": measured,
        "estimated_ms": estimate,
        "findings": [_finding(one) for one in report.findings],
        "facts": dict(report.facts),
        "stays": report.stays,
        "notes": report.notes,
    }


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "id": one.rule.id,
        "title": one.rule.title,
        "severity": one.severity,
        "ms": one.ms,
        "source": one.source,
        "basis": one.basis,
        "breaks": one.rule.breaks,
        "fix": one.rule.fix,
        "evidence": [{"where": each.where, "seen": each.seen} for each in one.evidence],
    }
