"""What interrupts what: one rule, as the docs show it and the tests run it.

While the agent's voice is heard, while its answer is thought up, and while the user speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal[
    "interrupts",
    "goes on",
    "waits",
    "withheld",
    "beside",
    "ends its sentence",
    "ends the turn",
    "nothing",
]
"""`interrupts`: the reply is cancelled. `goes on`: the reply is not. `waits`: happens when nobody
speaks. `withheld`: the reply waits until it is decided. `beside`: both at once.
`ends its sentence`: the reply does, and goes no further."""


@dataclass(frozen=True, slots=True)
class Rule:
    what: str
    voice: Outcome
    thinking: Outcome
    user: Outcome


RULES: tuple[Rule, ...] = (
    Rule("speech: a command, two content words, or a second of voice with a word",
         "interrupts", "interrupts", "nothing"),
    Rule("speech: an mm-hm, a cough", "goes on", "withheld", "nothing"),
    Rule("speech over a guarded span, or with interruptions=\"no\"",
         "goes on", "interrupts", "nothing"),
    Rule("speech with interruptions=\"overlap\"", "beside", "interrupts", "nothing"),
    Rule("response.cancel, output_audio_buffer.clear", "interrupts", "interrupts", "nothing"),
    Rule("response.create, typed text with it", "interrupts", "interrupts", "beside"),
    Rule("input_audio_buffer.commit (push to talk)", "goes on", "goes on", "ends the turn"),
    Rule("a timer, session.say, another agent after a handoff", "waits", "waits", "waits"),
    Rule("the result of a tool in the background", "ends its sentence", "waits", "waits"),
    Rule("the agent's own mm-hm, a number said back", "nothing", "nothing", "beside"),
    Rule("@agent.live", "nothing", "nothing", "beside"),
)  # fmt: skip


def document() -> str:
    """The rules as a Markdown table."""
    rows = [f"| {r.what} | {r.voice} | {r.thinking} | {r.user} |" for r in RULES]
    head = [
        "| what | over the agent's voice | while it thinks | while the user speaks |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows])
