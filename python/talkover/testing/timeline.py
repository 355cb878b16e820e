"""A conversation drawn as text: two lanes of voice, and below them what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol import facts as f

if TYPE_CHECKING:
    from .result import Answer, Result

WIDTH = 80
CELL_S = 0.1
VOICE, DUCKED = "█", "▒"


def timeline(result: Result) -> str:
    """Each cell is a tenth of a second; ▒ is the agent's voice, lowered."""
    length = max((ms for _, ms, _ in result.entries), default=0) / 1000
    user, agent = _user(result), _agent(result)
    lines = ["", *_lanes(user, agent, length), ""]
    return "\n".join([*lines, *_words(result)]) + "\n"


def _user(result: Result) -> dict[int, str]:
    cells: dict[int, str] = {}
    for done in result.done:
        for cell in range(_cell(done.began), _cell(done.ended)):
            cells[cell] = VOICE
    return cells


def _agent(result: Result) -> dict[int, str]:
    loudest = max((heard.level for heard in result.sound), default=0)
    cells: dict[int, str] = {}
    for heard in result.sound:
        for cell in range(_cell(heard.begin), _cell(heard.end - 1e-6) + 1):
            quiet = heard.level < loudest - 9
            if cells.get(cell) != VOICE or not quiet:
                cells[cell] = DUCKED if quiet else VOICE
    return cells


def _cell(seconds: float) -> int:
    return int(seconds / CELL_S + 1e-6)


def _lanes(user: dict[int, str], agent: dict[int, str], length: float) -> list[str]:
    lines: list[str] = []
    last = max([*user, *agent, 0])
    for first in range(0, min(last, _cell(length)) + 1, WIDTH):
        cells = range(first, first + WIDTH)
        seconds = "".join(f"{cell // 10:<10}" for cell in cells if cell % 10 == 0)
        lines += [
            f"       {seconds.rstrip()}",
            "user   " + "".join(user.get(cell, " ") for cell in cells).rstrip(),
            "agent  " + "".join(agent.get(cell, " ") for cell in cells).rstrip(),
        ]
    return lines


def _words(result: Result) -> list[str]:
    said: list[tuple[float, str]] = [
        (done.began, f"user   {done.step}") for done in result.done if str(done.step)
    ]
    said += [(_begin(result, reply), f"agent  {_shown(reply)}") for reply in result.replies]
    for _, ms, fact in result.entries:
        match fact:
            case f.Backchannel(text):
                said.append((ms / 1000, f'       ("{text}" does not interrupt)'))
            case f.ToolStep(_, name, arguments, "started"):
                said.append((ms / 1000, f"tool   {name}({arguments})"))
            case f.Failed(_, _, message):
                said.append((ms / 1000, f"error  {message}"))
            case _:
                pass
    return [f"{at:6.2f} {line}" for at, line in sorted(said, key=lambda entry: entry[0])]


def _begin(result: Result, reply: Answer) -> float:
    if reply.began is not None:
        return reply.began
    return next(
        ms / 1000
        for _, ms, fact in result.entries
        if isinstance(fact, f.ReplyCreated) and fact.reply == reply.id
    )


def _shown(reply: Answer) -> str:
    if reply.status == "cancelled" and reply.began is None:
        return f"({reply.said or 'nothing'}: cancelled unheard)"
    rest = reply.said.removeprefix(reply.heard) if reply.interrupted else ""
    return f"{reply.heard}" + (f" ┃{rest}" if rest else "") or f"(silent, {reply.status})"
