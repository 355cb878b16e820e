"""`talkover call`: one conversation as a readable dialogue."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .answer import asked_aloud, asked_in_writing, greeted, heard_out
from .caller import Caller, CallError, Event
from .dialogue import Dialogue
from .script import read_script, run_script, write_report
from .staying import staying

TAIL_S = 0.3
"""Sound that is still on its way when the server says that all was played."""


@dataclass(frozen=True, slots=True)
class Line:
    """Whom to call, and how."""

    url: str
    token: str | None = None
    tcp: bool = False
    agent: str | None = None
    insecure: bool = False
    video: Path | None = None

    def caller(self, **more: Any) -> Caller:
        return Caller(
            self.url, token=self.token, tcp=self.tcp, agent=self.agent,
            insecure=self.insecure, video=self.video, **more,
        )  # fmt: skip


async def one(
    line: Line, *, play: Path | None, record: Path | None, text: str | None, seconds: float
) -> bool:
    """Ask, hear the answer out, hang up; True where it failed. CallError, InputError."""
    async with line.caller(on_event=printer()) as call, staying(call, partial(say, call)):
        say(call, f"connected over {call.transport}")
        await greeted(call)
        if play is not None:
            answer = asked_aloud(call, play)
        else:
            answer = asked_in_writing(call, text or "")
        try:
            response = await heard_out(answer, seconds)
        except CallError as error:
            say(call, error.message)
            return True
        finally:
            await _keep(call, record)
        return response["status"] != "completed"


async def scripted(line: Line, script: Path, junit: Path | None, record: Path | None) -> bool:
    """Run a script in one call; True where a step failed. CallError, InputError."""
    steps = read_script(script)
    async with line.caller(on_event=printer()) as call, staying(call, partial(say, call)):
        say(call, f"connected over {call.transport}")
        outcomes = await run_script(call, steps, await greeted(call))
        await _keep(call, record)
    if junit is not None:
        write_report(junit, script.name, outcomes)
    return any(outcome.failure is not None for outcome in outcomes)


async def held(line: Line, record: Path | None) -> bool:
    """Talk with microphone and speaker until Ctrl-C, or until the server hangs up."""
    from .sound import open_sound

    with open_sound() as sound:
        heard = line.caller(on_event=printer(), on_sound=sound.speaker.push)
        async with heard as call, staying(call, partial(say, call)):
            say(call, f"connected over {call.transport}; speak, and end with Ctrl-C")
            try:
                await sound.speak_into(call)
            except CallError as error:
                say(call, error.message)
            except asyncio.CancelledError:
                say(call, "hung up")
            await _keep(call, record)
    return False


def printer() -> Any:
    """Prints the lines of a dialogue as its events come."""
    dialogue = Dialogue()

    def show(at: float, event: Event) -> None:
        line = dialogue.line(at, event)
        if line:
            print(line, flush=True)

    return show


def say(call: Caller, what: str) -> None:
    print(f"{call.now:7.2f}  {what}", flush=True)


async def _keep(call: Caller, record: Path | None) -> None:
    if record is not None:
        await asyncio.sleep(TAIL_S)
        call.save(record)
        say(call, f"recorded {record}")
