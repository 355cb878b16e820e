"""The figures as one HTML page that needs nothing else: light, dark and on paper. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from .conversation import TRANSPORTS
from .summary import COLUMNS, Column
from .table import shown

Row = dict[str, Any]
GROUPS = (
    ("How soon an answer begins", ("answer_ms", "long_ms", "mouth_ms")),
    ("How whole it is", ("missing", "recovery_ms")),
    ("When the caller cuts in", ("silent_ms", "wasted_ms", "unheard_ms", "history_words")),
    ("What it costs", ("kilobytes", "connect_ms", "handshakes", "cpu", "memory_mb")),
)
"""What a person should see first comes first."""
STAGES = {
    "ear": "last words", "model": "first word", "word": "each word", "voice": "first sound",
    "second": "a second of voice",
}  # fmt: skip
BAR, GAP, LEFT, WIDE, RIGHT = 13, 12, 74, 330, 66

STYLE = """
:root { color-scheme: light dark; --ink: #1b1d22; --soft: #5c6370; --paper: #fbfbf9;
  --card: #fff; --line: #e2e2dc; --t0: #b4532a; --t1: #d9a13b; --t2: #6b7f8c; --t3: #9a6fb8;
  --t4: #5f7fd0; --t5: #1f8a5b; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceef2; --soft: #a0a7b4; --paper: #15171b;
  --card: #1d2026; --line: #32363f; --t0: #e07a4e; --t1: #e8b95a; --t2: #93a7b4; --t3: #bd97d8;
  --t4: #86a3ee; --t5: #41c48a; } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.2rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.7rem; margin: 0 0 .3rem } h2 { margin: 2.2rem 0 .8rem; font-size: 1.25rem }
h3 { font-size: 1rem; margin: 0 } .group { margin: 1.6rem 0 .7rem } p { margin: .4rem 0 }
.soft, small { color: var(--soft) }
.key span { display: inline-block; margin: 0 1.1rem .3rem 0 }
.key i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr));
  gap: 1rem }
figure { margin: 0; padding: 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; break-inside: avoid }
figcaption { font-size: .82rem; color: var(--soft); margin-top: .5rem }
svg { width: 100%; height: auto; display: block; margin-top: .5rem }
svg text { fill: var(--ink); font: 11px system-ui, sans-serif } svg .soft { fill: var(--soft) }
svg line { stroke: var(--line) }
.t0 { fill: var(--t0); background: var(--t0) } .t1 { fill: var(--t1); background: var(--t1) }
.t2 { fill: var(--t2); background: var(--t2) } .t3 { fill: var(--t3); background: var(--t3) }
.t4 { fill: var(--t4); background: var(--t4) } .t5 { fill: var(--t5); background: var(--t5) }
.says { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .8rem;
  margin: .8rem 0 1rem } .says div { padding: .7rem .9rem; background: var(--card);
  border: 1px solid var(--line); border-left: 4px solid var(--t5); border-radius: 6px }
.says b { display: block; font-size: 1.35rem; line-height: 1.25 }
dl { font-size: .82rem; color: var(--soft); display: grid; grid-template-columns: max-content 1fr;
  gap: .1rem .8rem } dd { margin: 0; overflow-wrap: anywhere }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .82rem; width: 100% }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid var(--line) }
th:first-child, td:first-child, td:nth-child(2), th:nth-child(2) { text-align: left }
@media print { body { max-width: none; padding: 0; font-size: 11px }
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #ccc }
  .grid { grid-template-columns: 1fr 1fr } .says { grid-template-columns: repeat(4, 1fr) }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact } }
"""

LIMITS = (
    "One machine carries clients, networks and servers, so its load is in every figure. Networks "
    "are simulated in user space by seeded dice. On TCP a loss is a delay: one round trip where "
    "more follows, else a timeout of at least 200 ms that doubles, and everything behind it waits; "
    "congestion control and slow start are not modelled, which favours TCP. No TLS. The voice "
    "detector at REST's clients cuts recordings exactly, which favours REST. The engines are "
    "scripted: they understand everything and say the same tones."
)


def page(found: dict[str, Any]) -> str:
    """The whole document for what `run.measure` found; what takes its time first, as it is real."""
    rows: list[Row] = found["summary"]
    latencies = list(dict.fromkeys(row["latency"] for row in rows))
    parts = [section(rows, latency, found["engines"][latency]) for latency in latencies[::-1]]
    machine, plan = found["machine"], found["plan"]
    facts = (
        f"Talkover {found['talkover']}, {found['began']}, {machine['system']}, "
        f"{machine['cores']} cores, load {shown(machine['load_before'])} before and "
        f"{shown(machine['load_after'])} after, seed {plan['seed']}, {plan['jobs']} at once; "
        f"{plan['questions']} questions, {plan['interruptions']} interruptions and "
        f"{plan['longs']} long questions a conversation. Of 100 wake-ups of a client and its "
        f"network, the latest came {shown(max(run['late_ms'] for run in found['runs']))} ms late "
        "in the worst conversation."
    )
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>One conversation, many transports</title><style>{STYLE}</style>"
        "<h1>One conversation, many transports</h1>"
        "<p>The same agent, questions and engines; what the caller heard. Shorter is better "
        f"everywhere.</p><p class=key>{_key(rows)}</p>{''.join(parts)}"
        f"<h2>What these figures do not say</h2><p>{escape(LIMITS)}</p>"
        f"<p class=soft>{escape(facts)}</p></html>\n"
    )


def section(rows: Sequence[Row], latency: str, engines: Mapping[str, Any]) -> str:
    """All plots for one kind of engines, the most telling first, and the table of all figures."""
    ours = [row for row in rows if row["latency"] == latency]
    columns = {column.key: column for column in COLUMNS}
    parts = [f"<h2>With {escape(engines['title'])}</h2>{headline(ours)}"]
    for title, keys in GROUPS:
        figures = "".join(figure(ours, columns[key]) for key in keys)
        parts.append(f"<h3 class=group>{escape(title)}</h3><div class=grid>{figures}</div>")
    sources = "".join(
        f"<dt>{what}<dd>{escape(_delay(engines[stage]))}" for stage, what in STAGES.items()
    )
    parts.append(
        f"<h3 class=group>All figures</h3><div class=wide>{table(ours)}</div>"
        + (f"<h3 class=group>How long the engines take</h3><dl>{sources}</dl>" if latency != "zero"
           else "")
    )  # fmt: skip
    return "".join(parts)


def headline(rows: Sequence[Row]) -> str:
    """For each network how soon an answer begins, by WebRTC and by REST; no adjectives."""
    said: list[str] = []
    for network in dict.fromkeys(row["network"] for row in rows):
        here = {row["transport"]: row for row in rows if row["network"] == network}
        one, other = here.get("rest", {}), here.get("webrtc-udp", {})
        late, soon = one.get("answer_ms"), other.get("answer_ms")
        if late is not None and soon:
            said.append(
                f"<div>{escape(network)}<b>{late / soon:.1f} times sooner</b><small>first audio "
                f"{shown(soon)} ms after the question by WebRTC, {shown(late)} ms by REST"
                "</small></div>"
            )
    return f"<div class=says>{''.join(said)}</div>"


def _delay(delay: Mapping[str, Any]) -> str:
    return f"{delay['p50'] * 1000:g} ms, p95 {delay['p95'] * 1000:g} ms. {delay['source']}"


def figure(rows: Sequence[Row], column: Column) -> str:
    """One plot with its method; nothing where nobody has this figure."""
    values = [row[column.key] for row in rows if row.get(column.key) is not None]
    if not values:
        return ""
    most = max(*values, 1e-9) if len(values) > 1 else max(values[0], 1e-9)
    parts: list[str] = []
    y = 4
    networks = list(dict.fromkeys(row["network"] for row in rows))
    for network in networks:
        here = [row for row in rows if row["network"] == network]
        if all(row.get(column.key) is None and "failed" not in row for row in here):
            continue
        height = len(here) * BAR
        parts.append(f'<text x="0" y="{y + height / 2 + 4:g}">{escape(network)}</text>')
        for row in here:
            parts.append(_bar(row, column, y, most))
            y += BAR
        y += GAP
    unit = f" <small>{column.unit}</small>" if column.unit else ""
    width = LEFT + WIDE + RIGHT
    return (
        f"<figure><h3>{escape(column.title)}{unit}</h3>"
        f'<svg viewBox="0 0 {width} {y}" role="img" aria-label="{escape(column.title)}">'
        f'<line x1="{LEFT}" x2="{LEFT}" y1="0" y2="{y - GAP + 4}"/>{"".join(parts)}</svg>'
        f"<figcaption>{escape(column.how)}</figcaption></figure>"
    )


def table(rows: Sequence[Row]) -> str:
    keys = {column.key: f"{column.title}, {column.unit}".rstrip(", ") for column in COLUMNS}
    keys["answer_p95_ms"], keys["mouth_p95_ms"] = "First audio, p95, ms", "Mouth to ear, p95, ms"
    keys["unanswered"] = "Turns without an answer"
    head = "".join(f"<th>{escape(title)}</th>" for title in keys.values())
    body: list[str] = []
    for row in rows:
        title = TRANSPORTS[row["transport"]].title
        name = f"<td>{escape(row['network'])}</td><td>{escape(title)}</td>"
        if "failed" in row:
            body.append(f'<tr>{name}<td colspan="{len(keys)}">{escape(row["failed"])}</td></tr>')
            continue
        cells = "".join(f"<td>{shown(row[key])}</td>" for key in keys)
        body.append(f"<tr>{name}{cells}</tr>")
    return f"<table><tr><th>Network</th><th>Transport</th>{head}</tr>{''.join(body)}</table>"


def _bar(row: Row, column: Column, y: int, most: float) -> str:
    title = escape(TRANSPORTS[row["transport"]].title)
    value = row.get(column.key)
    if value is None:
        said = "no conversation" if "failed" in row else "not heard"
        return f'<text class="soft" x="{LEFT + 4}" y="{y + BAR - 3}">{said}</text>'
    length = max(1.0, value / most * WIDE)
    return (
        f'<g><title>{title}: {shown(value)} {column.unit}</title><rect class="{_class(row)}" '
        f'x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" rx="2"/>'
        f'<text x="{LEFT + length + 4:.1f}" y="{y + BAR - 3}">{shown(value)}</text></g>'
    )


def _key(rows: Sequence[Row]) -> str:
    used = {row["transport"] for row in rows}
    shown_ones = [one for one in TRANSPORTS.values() if one.name in used]
    return "".join(
        f'<span><i class="t{list(TRANSPORTS).index(one.name)}"></i>{escape(one.title)}</span>'
        for one in shown_ones
    )


def _class(row: Row) -> str:
    return f"t{list(TRANSPORTS).index(row['transport'])}"
