"""The machine's table as a document: `python -m talkover.turn.diagram` prints docs/turns.md."""

from __future__ import annotations

import re

from . import precedence
from .machine import EVERY_AGENT, EVERY_USER, TABLE, Row


def _states(some: frozenset[str], every: frozenset[str]) -> str:
    return "any" if some == every else ", ".join(sorted(some))


def _edges(row: Row) -> list[str]:
    found = re.search(r"(user|agent) (\w+)", row.then)
    if found is None:
        return []
    side, to = found.groups()
    origins = row.user if side == "user" else row.agent
    return [
        f"    {side}_{a} --> {side}_{to}: {row.on.__name__}" for a in sorted(origins) if a != to
    ]


def document() -> str:
    """Markdown: a state picture of each side, and the table itself."""
    edges = sorted({edge for row in TABLE for edge in _edges(row)})
    rows = [
        f"| {row.on.__name__} | {_states(row.user, EVERY_USER)} "
        f"| {_states(row.agent, EVERY_AGENT)} | {row.then} |"
        for row in TABLE
    ]
    return "\n".join(
        [
            "# Turns",
            "",
            "Drawn from `python/talkover/turn/machine.py` by `python -m talkover.turn.diagram`.",
            "The first row that fits is taken; an input without a row changes nothing.",
            "",
            "```mermaid",
            "stateDiagram-v2",
            *edges,
            "```",
            "",
            "## What interrupts what",
            "",
            precedence.document(),
            "",
            "A client's `response.create` during a reply that it or the user asked for is refused",
            "as the protocol says, until that reply is thought up; then it follows. What the agent",
            "said of its own accord gives way. A page that lets people type over the voice sends",
            "`output_audio_buffer.clear` first, as ours does.",
            "",
            "## The table",
            "",
            "| input | user | agent | then |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    print(document(), end="")
