"""Reports as one self-contained page, light and dark, that prints well (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ..finding import Finding, Report
from .markdown import cost, most

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1e; --paper: #fff; --faint: #6b6b70; --rule: #d9d9de;
  --severe: #b3261e; --costly: #8a5a00; --minor: #47617a; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf0; --paper: #161618; --faint: #9c9ca3;
  --rule: #38383d; --severe: #ff8a80; --costly: #f2c063; --minor: #9dbbd8; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem .35rem 0;
  border-bottom: 1px solid var(--rule); }
td.cost { white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font: .9em ui-monospace, monospace; }
.verdict { font-size: 1.25rem; font-weight: 600; }
.faint { color: var(--faint); }
.severe { color: var(--severe); } .costly { color: var(--costly); } .minor { color: var(--minor); }
article { break-inside: avoid; }
@media print { :root { --ink: #000; --paper: #fff; --faint: #444; --rule: #999; --severe: #900;
  --costly: #640; --minor: #246; } body { margin: 0; max-width: none; font-size: 11pt; }
  section.details { break-before: page; } }
"""


def html(reports: Sequence[Report]) -> str:
    title = escape(", ".join(report.target for report in reports))
    body = "\n".join(line for report in reports for line in _report(report))
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Audit of {title}</title>\n<style>{_STYLE}</style>\n{body}\n</html>\n"
    )


def _report(report: Report) -> Iterator[str]:
    yield f"<section><h1>Audit of {escape(report.target)}</h1>"
    shade = "severe" if report.severe else "minor"
    yield f'<p class="verdict {shade}">{escape(report.verdict)}</p>'
    yield f"<p>{escape(most(report))}</p>"
    if report.findings:
        yield "<table><tr><th>#<th>finding<th>cost in a turn<th>what breaks</tr>"
        yield from map(_row, enumerate(report.findings, 1))
        yield "</table>"
    yield from _list("What stays as it is", report.stays)
    yield from _list("What could not be seen", report.notes)
    yield '</section><section class="details">'
    for number, finding in enumerate(report.findings, 1):
        yield from _finding(number, finding)
    if report.facts:
        yield "<h2>Facts</h2><table>"
        for name, value in report.facts:
            yield f"<tr><td>{escape(name)}<td>{escape(value)}</tr>"
        yield "</table>"
    yield "</section>"


def _row(numbered: tuple[int, Finding]) -> str:
    number, one = numbered
    return (
        f'<tr><td>{number}<td><a class="{one.severity}" href="#{one.rule.id}">'
        f'{escape(one.rule.title)}</a><td class="cost">{escape(cost(one))}'
        f"<td>{escape(one.rule.breaks)}</tr>"
    )


def _finding(number: int, one: Finding) -> Iterator[str]:
    yield f'<article id="{one.rule.id}"><h2>{number}. {escape(one.rule.title)}</h2>'
    yield f'<p><b class="{one.severity}">{one.severity}</b>. {escape(one.rule.breaks)}</p>'
    basis = f" ({one.source}: {one.basis})" if one.basis else ""
    yield f"<p><b>Cost:</b> {escape(cost(one) + basis)}</p>"
    yield f"<p><b>Fix:</b> {escape(one.rule.fix)}</p><ul>"
    for each in one.evidence:
        yield f"<li><code>{escape(each.where)}</code> <code>{escape(each.seen)}</code></li>"
    yield "</ul></article>"


def _list(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"<h2>{title}</h2><ul>"
        yield from (f"<li>{escape(line)}</li>" for line in lines)
        yield "</ul>"
