"""What a reader of the documentation sees first: a plot, and tables that pages keep. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from .conversation import TRANSPORTS
from .table import shown

Row = dict[str, Any]
Found = dict[str, Any]

PANELS = (
    ("answer_ms", "First audio, ms"),
    ("long_ms", "After a long question, ms"),
    ("missing", "Late or lost, %"),
)
SOONER, GAPS = 5.0, 2.0
"""What was expected: WebRTC's first audio so many times sooner than REST's after a long question,
and at most so many percent of its answers missing at 10 % loss."""
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1b1d22 }
.h { font-weight: 600; font-size: 15px } .s { fill: #5c6370; font-size: 12px }
.paper { fill: #fbfbf9 } .axis { stroke: #d5d5cf } .t0 { fill: #b4532a }
.t1 { fill: #d9a13b } .t2 { fill: #6b7f8c }
.t3 { fill: #9a6fb8 } .t4 { fill: #5f7fd0 } .t5 { fill: #1f8a5b }
@media (prefers-color-scheme: dark) { .paper { fill: #15171b } text { fill: #eceef2 }
.s { fill: #a0a7b4 }
.axis { stroke: #3a3f48 } .t0 { fill: #e07a4e } .t1 { fill: #e8b95a } .t2 { fill: #93a7b4 }
.t3 { fill: #bd97d8 } .t4 { fill: #86a3ee } .t5 { fill: #41c48a } }
"""
BAR, NAMES, WIDE, VALUE, TOP, EDGE = 17, 78, 190, 52, 74, 18


def plot(found: Found, latency: str) -> str:
    """An SVG of its own, light or dark as its reader has it: a panel for each of the figures that
    tell most, a group for each network, a bar for each transport."""
    rows = [row for row in found["summary"] if row["latency"] == latency]
    networks = list(dict.fromkeys(row["network"] for row in rows))
    panel = WIDE + VALUE
    group = len(TRANSPORTS) * BAR + 14
    width = NAMES + len(PANELS) * panel
    height = TOP + len(networks) * group
    parts = [*_legend(), *_groups(networks, group)]
    for n, (key, title) in enumerate(PANELS):
        left = NAMES + n * panel
        parts += _panel(rows, networks, key, title, left, group)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="{-EDGE} {-EDGE} {width + 2 * EDGE} {height + EDGE}" '
        f'aria-label="What the caller hears, by transport and network">'
        f'<style>{STYLE}</style><path class="paper" d="M{-EDGE} {-EDGE}h{width + 2 * EDGE}'
        f'v{height + EDGE}h-{width + 2 * EDGE}z"/>{"".join(parts)}</svg>\n'
    )


def _legend() -> Iterator[str]:
    left = 0
    for n, one in enumerate(TRANSPORTS.values()):
        yield f'<rect class="t{n}" x="{left}" y="4" width="12" height="12" rx="2"/>'
        yield f'<text class="s" x="{left + 17}" y="14">{escape(one.title)}</text>'
        left += 34 + round(6.6 * len(one.title))


def _groups(networks: Sequence[str], group: int) -> Iterator[str]:
    for n, network in enumerate(networks):
        middle = TOP + n * group + len(TRANSPORTS) * BAR / 2
        yield f'<text x="0" y="{middle + 4:g}">{escape(network)}</text>'


def _panel(
    rows: Sequence[Row], networks: Sequence[str], key: str, title: str, left: int, group: int
) -> Iterator[str]:
    most = max((row.get(key) or 0.0 for row in rows), default=0.0) or 1.0
    yield f'<text class="h" x="{left}" y="{TOP - 18}">{escape(title)}</text>'
    for n, network in enumerate(networks):
        top = TOP + n * group
        yield (
            f'<line class="axis" x1="{left}" x2="{left}" y1="{top - 3}" '
            f'y2="{top + len(TRANSPORTS) * BAR}"/>'
        )
        for place, name in enumerate(TRANSPORTS):
            row = _row(rows, network, name)
            if row is None:
                continue
            value, y = row.get(key), top + place * BAR
            length = max(1.0, (value or 0.0) / most * (WIDE - 16))
            said = shown(value)
            if value is not None:
                yield (
                    f'<rect class="t{place}" x="{left}" y="{y}" width="{length:.1f}" '
                    f'height="{BAR - 4}" rx="2"/>'
                )
            at = left + 5 + (0 if value is None else length)
            yield f'<text class="s" x="{at:.1f}" y="{y + BAR - 6}">{said}</text>'


# ---- tables that pages keep ---------------------------------------------------------------------


def blocks(found: Found) -> Mapping[str, str]:
    """Markdown by its name in a page: `<!-- transports:NAME -->` … `<!-- /transports -->`."""
    named = main_engines(found)
    return {
        "headline": _headline(found, named),
        "ratios": _ratios(found),
        "first": _by_network(found, "answer_ms", "ms"),
        "long": _by_network(found, "long_ms", "ms"),
        "lost": _by_network(found, "missing", "%"),
        "cost": _costs(found, named),
        "conditions": _conditions(found),
    }


def rewritten(page: str, made: Mapping[str, str]) -> str:
    """The page with its marked places filled; the same where they already are."""

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name not in made:
            return match[0]
        return f"<!-- transports:{name} -->\n{made[name]}\n<!-- /transports -->"

    return re.sub(
        r"<!-- transports:(\w+) -->\n.*?<!-- /transports -->", fill, page, flags=re.DOTALL
    )


def main_engines(found: Found) -> str:
    """Those that a headline is about: the last, which are not `zero` if there are others."""
    return found["summary"][-1]["latency"]


def _headline(found: Found, latency: str) -> str:
    def cell(name: str, network: str, key: str) -> str:
        row = _row([r for r in found["summary"] if r["latency"] == latency], network, name)
        return _figure(row, key)

    columns: list[tuple[str, Callable[[str], str]]] = [
        ("4G: first audio, ms", lambda t: cell(t, "4g", "answer_ms")),
        ("after a long question, ms", lambda t: cell(t, "4g", "long_ms")),
        ("10 % loss: answer late or lost, %", lambda t: cell(t, "lossy", "missing")),
        ("train: first audio, ms", lambda t: cell(t, "train", "answer_ms")),
        ("blackout → sound, ms", lambda t: cell(t, "train", "recovery_ms")),
        ("4G: kB a turn", lambda t: cell(t, "4g", "kilobytes")),
    ]
    return _table(
        ["", *(title for title, _ in columns)],
        [
            [one.title, *(figure(name) for _, figure in columns)]
            for name, one in TRANSPORTS.items()
        ],
    )  # fmt: skip


def _ratios(found: Found) -> str:
    """What was expected and what was measured, by network."""
    lines: list[list[str]] = []
    for latency, network in _groups_of(found):
        rows = [row for row in found["summary"] if row["latency"] == latency]
        rest, live = _row(rows, network, "rest"), _row(rows, network, "webrtc-udp")
        pcm = _row(rows, network, "websocket-pcm")
        if rest is None or live is None:
            continue
        sooner = [_ratio(rest.get(key), live.get(key)) for key in ("answer_ms", "long_ms")]
        said = ["-" if one is None else f"{one:.1f} times" for one in sooner]
        if sooner[1] is not None and sooner[1] >= SOONER:
            said[1] = f"**{said[1]}**"
        gaps = [None if row is None else row.get("missing") for row in (live, pcm)]
        lost = [f"{shown(one)} %" if one is not None else "-" for one in gaps]
        if gaps[0] is not None and gaps[0] <= GAPS:
            lost[0] = f"**{lost[0]}**"
        lines.append([latency, network, *said, *lost])
    head = [
        "engines", "network", "WebRTC sooner than REST", "after a long question (at least 5 times)",
        "WebRTC's audible gaps (at most 2 %)", "the WebSocket's, PCM",
    ]  # fmt: skip
    return _table(head, lines)


def _by_network(found: Found, key: str, unit: str) -> str:
    """A row for each engines and network, a column for each transport."""
    lines: list[list[str]] = []
    for latency, network in _groups_of(found):
        rows = [row for row in found["summary"] if row["latency"] == latency]
        here = [_row(rows, network, name) for name in TRANSPORTS]
        cells = [_figure(row, key) for row in here]
        lines.append([latency, network, *cells])
    titles = [one.title for one in TRANSPORTS.values()]
    return _table(["engines", f"network, {unit}", *titles], lines)


def _costs(found: Found, latency: str) -> str:
    """What a transport costs where nothing is in the way."""
    rows = [row for row in found["summary"] if row["latency"] == latency]
    network = rows[0]["network"]
    keys = {
        "connect_ms": "until connected, ms", "handshakes": "handshakes a turn",
        "kilobytes": "kB a turn", "cpu": "server's processor, ms a minute",
        "memory_mb": "server's memory, MB", "history_words": "history beside what was heard, words",
    }  # fmt: skip
    lines: list[list[str]] = []
    for name, one in TRANSPORTS.items():
        row = _row(rows, network, name)
        if row is not None:
            lines.append([one.title, *(shown(row.get(key)) for key in keys)])
    return _table([network, *keys.values()], lines)


def _conditions(found: Found) -> str:
    machine, plan = found["machine"], found["plan"]
    late = [run["late_ms"] for run in found["runs"]]
    return (
        f"Measured {found['began'][:10]} with Talkover {found['talkover']} on {machine['cores']} "
        f"cores ({machine['system']}), {plan['jobs']} at once, load "
        f"{shown(machine['load_before'])} before and {shown(machine['load_after'])} after; the "
        f"latest of 100 wake-ups of a network or client came {shown(max(late))} ms late in the "
        f"worst conversation. Each: {plan['questions']} questions, {plan['interruptions']} "
        f"interruptions, {plan['longs']} long ones; seed {plan['seed']}."
    )


def _ratio(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else one / other


def _figure(row: Row | None, key: str) -> str:
    return shown(None if row is None else row.get(key))


def _groups_of(found: Found) -> Iterator[tuple[str, str]]:
    yield from dict.fromkeys((row["latency"], row["network"]) for row in found["summary"])


def _row(rows: Sequence[Row], network: str, transport: str) -> Row | None:
    """A conversation that came about."""
    return next(
        (
            row
            for row in rows
            if (row["network"], row["transport"]) == (network, transport) and "failed" not in row
        ),
        None,
    )


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---" if n == 0 else "---:" for n, _ in enumerate(head)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *lines))
