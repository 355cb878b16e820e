"""Reports as Markdown: the verdict on the first page, then each finding (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..finding import Finding, Report


def markdown(reports: Sequence[Report]) -> str:
    return "\n".join(line for report in reports for line in _report(report)).rstrip() + "\n"


def cost(finding: Finding) -> str:
    """What it costs a turn, in a few words; an estimate says that it is one."""
    if finding.ms is None:
        return "breaks" if finding.severity == "severe" else "no delay"
    return f"{'≈ ' if finding.source == 'estimate' else ''}{finding.ms:,} ms"


def most(report: Report) -> str:
    """The sum, with what it is worth."""
    measured, estimate = report.cost_ms
    if not measured and not estimate:
        return ""
    parts = [f"{measured:,} ms measured"] if measured else []
    parts += [f"about {estimate:,} ms estimated"] if estimate else []
    return f"A turn can become quicker by up to {' and '.join(parts)}; costs may overlap."


def _report(report: Report) -> Iterator[str]:
    yield f"# Audit of {_plain(report.target)}"
    yield ""
    yield f"**{report.verdict}** {most(report)}".rstrip()
    yield ""
    if report.findings:
        yield "| # | | finding | cost in a turn | what breaks |"
        yield "|---|---|---|---|---|"
        for number, one in enumerate(report.findings, 1):
            yield (
                f"| {number} | {one.severity} | {one.rule.title} | {cost(one)} | "
                f"{one.rule.breaks} |"
            )
        yield ""
    yield from _list("What stays as it is", report.stays)
    yield from _list("What could not be seen", report.notes)
    for number, one in enumerate(report.findings, 1):
        yield from _finding(number, one)
    if report.facts:
        yield "## Facts"
        yield ""
        yield "| | |"
        yield "|---|---|"
        yield from (f"| {_cell(name)} | {_cell(value)} |" for name, value in report.facts)
        yield ""


def _finding(number: int, one: Finding) -> Iterator[str]:
    yield f"## {number}. {one.rule.title}"
    yield ""
    yield f"`{one.rule.id}`, {one.severity}. {one.rule.breaks}"
    yield ""
    yield f"- **Cost:** {cost(one)}{f' ({one.source}: {one.basis})' if one.basis else ''}"
    yield f"- **Fix:** {one.rule.fix}"
    yield "- **Seen:**"
    yield from (f"  - `{_code(one.where)}` {_seen(one.seen)}" for one in one.evidence)
    yield ""


def _list(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"## {title}"
        yield ""
        yield from (f"- {_plain(line)}" for line in lines)
        yield ""


def _seen(text: str) -> str:
    return f"`{_code(text)}`" if text else ""


def _code(text: str) -> str:
    """What a target says may not end the code that it is shown in."""
    return _line(text).replace("`", "'")


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """What a target says is no markup of ours."""
    return _line(text).replace("<", "&lt;")


def _line(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)
